package store

import (
	"time"

	"syncer/internal/pulls"
)

// image is a row of syncer.images: the state of an image. Pointers are NULL-able columns.
type image struct {
	ID                int64
	RepoID            int64
	Name              string
	PullCount         *int64
	Kind              *int16
	ObservedAt        *time.Time
	Believed          *int64
	FallenAt          *time.Time
	Lowest            *int64
	Generation        int32
	LatestTag         *string
	CreateTimeRaw     *string
	CreatedAt         *time.Time
	UpdateTimeRaw     *string
	UpdatedAt         *time.Time
	UpdateReadAt      *time.Time
	ArchivedUpdatedAt *time.Time
	UpdatedFrom       *time.Time
	FirstSeenAt       *time.Time
	AbsentAt          *time.Time
	LastSeenAt        *time.Time
	LastCountedAt     *time.Time
	LastPulledAt      *time.Time
	Absence           int16
	MissingSince      *time.Time
	DeletedAt         *time.Time
	Live              int16
}

var imageTable = &table[image]{"images", 1, []column[image]{
	col("image_id", "bigint", func(m *image) *int64 { return &m.ID }),
	col("repo_id", "bigint", func(m *image) *int64 { return &m.RepoID }),
	col("name", "text", func(m *image) *string { return &m.Name }),
	col("pull_count", "bigint", func(m *image) **int64 { return &m.PullCount }),
	col("kind", "smallint", func(m *image) **int16 { return &m.Kind }).shown(func(m *image) string { return kindText(m.Kind) }),
	col("observed_at", "timestamptz", func(m *image) **time.Time { return &m.ObservedAt }),
	col("believed", "bigint", func(m *image) **int64 { return &m.Believed }),
	col("fallen_at", "timestamptz", func(m *image) **time.Time { return &m.FallenAt }),
	col("lowest", "bigint", func(m *image) **int64 { return &m.Lowest }),
	col("generation", "integer", func(m *image) *int32 { return &m.Generation }),
	col("latest_tag", "text", func(m *image) **string { return &m.LatestTag }),
	col("create_time_raw", "text", func(m *image) **string { return &m.CreateTimeRaw }),
	col("created_at", "timestamptz", func(m *image) **time.Time { return &m.CreatedAt }),
	col("update_time_raw", "text", func(m *image) **string { return &m.UpdateTimeRaw }),
	col("updated_at", "timestamptz", func(m *image) **time.Time { return &m.UpdatedAt }),
	col("update_read_at", "timestamptz", func(m *image) **time.Time { return &m.UpdateReadAt }),
	col("archived_updated_at", "timestamptz", func(m *image) **time.Time { return &m.ArchivedUpdatedAt }),
	col("updated_from", "timestamptz", func(m *image) **time.Time { return &m.UpdatedFrom }),
	col("first_seen_at", "timestamptz", func(m *image) **time.Time { return &m.FirstSeenAt }),
	col("absent_at", "timestamptz", func(m *image) **time.Time { return &m.AbsentAt }),
	col("last_seen_at", "timestamptz", func(m *image) **time.Time { return &m.LastSeenAt }),
	col("last_counted_at", "timestamptz", func(m *image) **time.Time { return &m.LastCountedAt }),
	col("last_pulled_at", "timestamptz", func(m *image) **time.Time { return &m.LastPulledAt }),
	col("absence", "smallint", func(m *image) *int16 { return &m.Absence }),
	col("missing_since", "timestamptz", func(m *image) **time.Time { return &m.MissingSince }),
	col("deleted_at", "timestamptz", func(m *image) **time.Time { return &m.DeletedAt }),
	col("live", "smallint", func(m *image) *int16 { return &m.Live }),
}}

// reading is a row of syncer.readings.
type reading struct {
	Image      int64
	ObservedAt time.Time
	PullCount  *int64
	Since      *time.Time
	Pulls      *int64
	Generation *int32
	Kind       *int16
	Archived   bool
	Absent     *int16
	LatestTag  *string
	CreateTime *string
	UpdateTime *string
}

var readingTable = &table[reading]{"readings", 2, []column[reading]{
	col("image_id", "bigint", func(r *reading) *int64 { return &r.Image }),
	col("observed_at", "timestamptz", func(r *reading) *time.Time { return &r.ObservedAt }),
	col("pull_count", "bigint", func(r *reading) **int64 { return &r.PullCount }),
	col("since", "timestamptz", func(r *reading) **time.Time { return &r.Since }),
	col("pulls", "bigint", func(r *reading) **int64 { return &r.Pulls }),
	col("generation", "integer", func(r *reading) **int32 { return &r.Generation }),
	col("kind", "smallint", func(r *reading) **int16 { return &r.Kind }).shown(func(r *reading) string { return kindText(r.Kind) }),
	col("archived", "boolean", func(r *reading) *bool { return &r.Archived }),
	col("absent", "smallint", func(r *reading) **int16 { return &r.Absent }),
	col("latest_tag", "text", func(r *reading) **string { return &r.LatestTag }),
	col("create_time", "text", func(r *reading) **string { return &r.CreateTime }),
	col("update_time", "text", func(r *reading) **string { return &r.UpdateTime }),
}}

// imageDay is a row of syncer.image_days.
type imageDay struct {
	Image     int64
	Day       time.Time
	Pulls     *int64
	PullCount int64
	Resets    int32
}

var imageDayTable = &table[imageDay]{"image_days", 2, []column[imageDay]{
	col("image_id", "bigint", func(d *imageDay) *int64 { return &d.Image }),
	col("day", "date", func(d *imageDay) *time.Time { return &d.Day }),
	col("pulls", "bigint", func(d *imageDay) **int64 { return &d.Pulls }),
	col("pull_count", "bigint", func(d *imageDay) *int64 { return &d.PullCount }),
	col("resets", "integer", func(d *imageDay) *int32 { return &d.Resets }),
}}

// event is a row of syncer.events. An event of the repo itself has no image.
type event struct {
	At       time.Time
	Repo     int64
	Image    *int64
	Event    string
	OldValue *string
	NewValue *string
}

var eventTable = &table[event]{"events", 4, []column[event]{
	col("at", "timestamptz", func(e *event) *time.Time { return &e.At }),
	col("repo_id", "bigint", func(e *event) *int64 { return &e.Repo }),
	col("image_id", "bigint", func(e *event) **int64 { return &e.Image }),
	col("event", "text", func(e *event) *string { return &e.Event }),
	col("old_value", "text", func(e *event) **string { return &e.OldValue }),
	col("new_value", "text", func(e *event) **string { return &e.NewValue }),
}}

// repoDay is a row of syncer.repo_days.
type repoDay struct {
	Repo          int64
	Day           time.Time
	Looks         int32
	CompleteLooks int32
	Images        int64
	Pulls         int64
	Rises         int32
}

var repoDayTable = &table[repoDay]{"repo_days", 2, []column[repoDay]{
	col("repo_id", "bigint", func(d *repoDay) *int64 { return &d.Repo }),
	col("day", "date", func(d *repoDay) *time.Time { return &d.Day }),
	col("looks", "integer", func(d *repoDay) *int32 { return &d.Looks }),
	col("complete_looks", "integer", func(d *repoDay) *int32 { return &d.CompleteLooks }),
	col("images", "bigint", func(d *repoDay) *int64 { return &d.Images }),
	col("pulls", "bigint", func(d *repoDay) *int64 { return &d.Pulls }),
	col("rises", "integer", func(d *repoDay) *int32 { return &d.Rises }),
}}

// repoSum is what the row of a repo derives from its looks and images.
type repoSum struct {
	ID             int64
	NextImage      int64
	Images         int64
	PullCount      int64
	FirstSeenAt    *time.Time
	LastLookAt     *time.Time
	LastArchivedAt *time.Time
	LastCompleteAt *time.Time
}

var repoSumTable = &table[repoSum]{"repos", 1, []column[repoSum]{
	col("repo_id", "bigint", func(r *repoSum) *int64 { return &r.ID }),
	col("next_image", "bigint", func(r *repoSum) *int64 { return &r.NextImage }),
	col("images", "bigint", func(r *repoSum) *int64 { return &r.Images }),
	col("pull_count", "bigint", func(r *repoSum) *int64 { return &r.PullCount }),
	col("first_seen_at", "timestamptz", func(r *repoSum) **time.Time { return &r.FirstSeenAt }),
	col("last_look_at", "timestamptz", func(r *repoSum) **time.Time { return &r.LastLookAt }),
	col("last_archived_at", "timestamptz", func(r *repoSum) **time.Time { return &r.LastArchivedAt }),
	col("last_complete_at", "timestamptz", func(r *repoSum) **time.Time { return &r.LastCompleteAt }),
}}

func kindText(kind *int16) string {
	if kind == nil {
		return "NULL"
	}
	return pulls.Kind(*kind).String()
}
