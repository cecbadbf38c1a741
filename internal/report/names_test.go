package report_test

import (
	"errors"
	"strings"
	"testing"

	"syncer/internal/report"
)

func TestNamesThatAreNotThere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query report.Query
		want  string // of the error; empty: none
	}{
		{report.Query{}, ""},
		{report.Query{Repo: "shop"}, ""},
		{report.Query{Source: "default", Repo: "shop", Image: "web"}, ""},
		{report.Query{Repo: "default/shop"}, ""},
		{report.Query{Repo: "shpo"}, `there is no repo "shpo"; there is "shop"`},
		{report.Query{Repo: "SHOP"}, `there is no repo "SHOP"; there is "shop"`},
		{report.Query{Repo: "nothing-like-it"}, `there is no repo "nothing-like-it"; syncer status lists the repos`},
		{report.Query{Repo: "other/shop"}, `there is no repo "other/shop"; syncer status lists the repos`},
		{report.Query{Source: "defautl"}, `there is no source "defautl"; there is "default"`},
		{report.Query{Repo: "shop", Image: "frontend"}, `there is no image "frontend"; there is "shop-frontend"`},
		{report.Query{Image: "zzzzzzzz"}, `there is no image "zzzzzzzz"`},
	} {
		_, err := report.Named(t.Context(), &fake{name: "other-name"}, tt.query)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (!errors.Is(err, report.ErrQuery) || !strings.HasSuffix(err.Error(), tt.want)):
			t.Errorf("%+v: error %v, want %q", tt.query, err, tt.want)
		}
	}
	got, err := report.Named(t.Context(), &fake{}, report.Query{Repo: "default/shop"})
	if got.Source != "default" || got.Repo != "shop" || err != nil {
		t.Errorf("default/shop is %+v, %v", got, err)
	}
	if _, err := report.Named(t.Context(), &fake{empty: true}, report.Query{Repo: "shop"}); err == nil || !strings.Contains(err.Error(), "run syncer sync first") {
		t.Errorf("before the first sync: %v", err)
	}
}
