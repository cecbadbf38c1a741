package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// dashboard is what of a Grafana dashboard asks the database.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Annotations struct {
		List []struct{ Name, RawQuery string }
	}
	Panels []struct {
		Title   string
		Type    string
		Targets []struct {
			RawSQL string `json:"rawSql"`
			Format string
		}
	}
}

// Every query of the dashboard runs as the role it is provisioned with, as Grafana would send it, and shows something.
func TestDashboard(t *testing.T) {
	t.Parallel()
	conn, owner := reader(t, madeUpQuarter(t))
	asOf(t, owner, conn)
	text, err := os.ReadFile("../../deploy/grafana/dashboards/image-pulls.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	g := &grafana{from: quarterEnd.AddDate(0, 0, -70), to: quarterEnd, values: map[string][]string{}}
	var got strings.Builder
	for _, v := range d.Templating.List {
		if v.Type == "custom" {
			g.values[v.Name] = strings.Split(v.Query, ",")[:1]
			continue
		}
		list := lines(t, conn, g.expand(v.Query), pgx.QueryExecModeSimpleProtocol)
		if len(list) == 0 {
			t.Fatalf("variable %s has no values", v.Name)
		}
		if v.Name == "one_repo" || v.Name == "image" {
			list = list[:1] // one is chosen
		}
		g.values[v.Name] = list
	}
	g.values["image"] = []string{"api"} // a tag was pushed and its counter began anew
	fmt.Fprintf(&got, "variables %v\n\n", g.values)
	for _, a := range d.Annotations.List {
		fmt.Fprintf(&got, "== %s\n%s\n", a.Name, result(t, conn, g.expand(a.RawQuery)))
		wantSame(t, conn, a.Name, g.expand(a.RawQuery), elsewhere...)
	}
	queries := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries++
			shown := result(t, conn, g.expand(target.RawSQL))
			wantSame(t, conn, p.Title, g.expand(target.RawSQL), elsewhere...)
			if target.Format == "time_series" && !strings.HasPrefix(shown, "time") {
				t.Errorf("panel %q has no column time first", p.Title)
			}
			head := strings.SplitN(shown, "\n", 8)
			fmt.Fprintf(&got, "== %s\n%s\n", p.Title, strings.Join(head[:min(len(head), 7)], "\n"))
		}
	}
	if queries < 12 {
		t.Errorf("%d queries in the dashboard", queries)
	}
	goldenText(t, "testdata/dashboard.txt", got.String())
}

// grafana expands the macros and variables of its PostgreSQL data source.
type grafana struct {
	from, to time.Time
	values   map[string][]string
}

func (g *grafana) expand(sql string) string {
	from, to := quoted(g.from.Format(time.RFC3339)), quoted(g.to.Format(time.RFC3339))
	sql = regexp.MustCompile(`\$__timeFilter\(([^)]*)\)`).ReplaceAllString(sql, "$1 BETWEEN "+from+" AND "+to)
	sql = strings.NewReplacer("$__timeFrom()", from, "$__timeTo()", to).Replace(sql)
	return regexp.MustCompile(`\$\{(\w+):(\w+)\}`).ReplaceAllStringFunc(sql, func(use string) string {
		name, format, _ := strings.Cut(strings.Trim(use, "${}"), ":")
		if format == "raw" {
			return g.values[name][0]
		}
		var list []string
		for _, v := range g.values[name] {
			list = append(list, quoted(v))
		}
		return strings.Join(list, ",")
	})
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
