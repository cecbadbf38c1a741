package archive

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"unicode"
)

// synonyms are the names of columns that are understood, without regard to case, and to blanks and signs in them.
var synonyms = map[string]string{
	"observedat": "observed_at", "observed": "observed_at", "timestamp": "observed_at", "time": "observed_at", "ts": "observed_at",
	"datetime": "observed_at", "date": "observed_at", "day": "observed_at",
	"source": "source", "projectid": "project_id", "project": "project_id",
	"repository": "repository", "repo": "repo", "reponame": "repo",
	"image": "image", "imagename": "image", "name": "image",
	"pullcount": "pull_count", "pulls": "pull_count", "count": "pull_count", "downloads": "pull_count", "downloadcount": "pull_count",
	"latesttag": "latest_tag", "createtime": "create_time", "updatetime": "update_time",
	"absent": "absent", "look": "look",
	"tag": "tag", "tags": "tag", "imagetag": "tag",
}

// comments are columns that are left out whatever stands in them.
var comments = map[string]bool{"note": true, "notes": true, "comment": true, "comments": true, "remark": true, "remarks": true, "weekday": true}

const understood = "a header needs a time (observed_at, timestamp, datetime, date, day, time or ts) and a count " +
	"(pull_count, pulls, count, downloads or download_count); the image is named by image, image_name or name beside repo or repo_name, " +
	"by repository as REPO/IMAGE, or, in a file of one image, by none of them"

// table understands a header, or says why it cannot.
func (r *reader) table(header []string) (tab *table, reason string) {
	tab = &table{fields: make([]string, len(header)), mute: make([]bool, len(header))}
	columns := map[string]string{} // name of the column of each field
	for i, name := range header {
		plain := strings.Map(letterOrDigit, name)
		if name != "" {
			tab.named = i + 1
		}
		field := synonyms[plain]
		switch first, twice := columns[field]; {
		case field == "":
			tab.mute[i] = !comments[plain]
			continue
		case field == "tag":
			return nil, fmt.Sprintf("column %q: the registry counts the pulls of an image, not of its tags. Leave the column out, or call it latest_tag if it holds the image's latest tag", shorten(name))
		case twice && first == name:
			return nil, fmt.Sprintf("column %q stands twice in the header", shorten(name))
		case twice:
			return nil, fmt.Sprintf("columns %q and %q both mean %s: leave one of them out", shorten(first), shorten(name), field)
		}
		columns[field], tab.fields[i] = name, field
	}
	if columns["observed_at"] == "" || columns["pull_count"] == "" {
		return nil, "the first line is not a header that is understood: " + understood
	}
	return tab, r.place(tab, columns)
}

// place settles what names the images of a file.
func (r *reader) place(tab *table, columns map[string]string) (reason string) {
	image, repo, repository := columns["image"], columns["repo"], columns["repository"]
	switch {
	case repository != "" && repo != "":
		return fmt.Sprintf("columns %q and %q both name the repo: leave one of them out", shorten(repo), shorten(repository))
	case repository != "" && image == "":
		clear(tab.mute)
		return ""
	case repository != "": // beside an image, it is the repo
		for i, field := range tab.fields {
			if field == "repository" {
				tab.fields[i] = "repo"
			}
		}
		repo = repository
	}
	given, file := cmp.Or(r.opt.Repo, r.repo), cmp.Or(r.opt.Image, strings.TrimSuffix(r.name, path.Ext(r.name)))
	switch {
	case image != "" && repo != "":
	case image != "" && given == "":
		return fmt.Sprintf("no column names the repo of %q: name it with --repo, or call the column repository if it holds REPO/IMAGE", shorten(image))
	case image != "":
		tab.repo = []byte(given)
	case repo != "" && r.opt.Image == "":
		return fmt.Sprintf("no column names the image beside %q: name it with --image, or call the column repository if it holds REPO/IMAGE", shorten(repo))
	case repo != "":
		tab.image = []byte(r.opt.Image)
		return ""
	case given == "" || file == "":
		return "no column names the image: name it with --repo and --image, or by the file's place, as in FOLDER/REPO/IMAGE.csv"
	default:
		tab.repo, tab.image = []byte(given), []byte(file)
		return "" // every line is of this image, so no column may name another
	}
	clear(tab.mute)
	return ""
}

func letterOrDigit(c rune) rune {
	if unicode.IsLetter(c) || unicode.IsDigit(c) {
		return unicode.ToLower(c)
	}
	return -1
}
