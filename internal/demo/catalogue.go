package demo

// product is an image of the simulated company, with its pulls an hour at noon of a working day.
type product struct {
	name string
	rate float64
	tag  string // where its releases begin; empty: it is never released again
}

// The simulated company's repos. Some images are what nobody pulls any more.
var catalogue = []struct {
	repo     string
	shared   bool
	products []product
}{
	{"acme_base", true, []product{
		{"nginx", 64, "1.27"}, {"alpine", 48, "3.20"}, {"debian-slim", 35, "12"}, {"golang", 22, "1.25"}, {"node", 18, "22"},
		{"python", 16, "3.13"}, {"openjdk", 9, "21"}, {"redis", 8, "7"}, {"busybox", 4, ""}, {"ruby", 1.2, "3.3"},
		{"php-fpm", 0.8, "8.3"}, {"centos", 0.05, ""}, {"python2", 0, ""}, {"nginx-1.9", 0, ""},
	}},
	{"acme_web", false, []product{
		{"shop-frontend", 26, "4.0"}, {"shop-api", 24, "4.0"}, {"gateway", 14, "2.1"}, {"login", 11, "1.8"}, {"search", 7, "3.2"},
		{"cart", 6, "2.0"}, {"mailer", 3, "1.1"}, {"image-resizer", 2.5, "0.9"}, {"admin-ui", 1.5, "1.4"}, {"nginx-exporter", 1, ""},
		{"feature-flags", 0.6, "0.3"}, {"shop-legacy", 0.1, ""}, {"landing-2019", 0, ""},
	}},
	{"acme_data", false, []product{
		{"postgres", 12, "17"}, {"etl-worker", 10, "5.2"}, {"kafka", 6, "3.8"}, {"clickhouse", 3, "25.3"}, {"airflow", 2.5, "2.10"},
		{"jupyter", 2, "7.2"}, {"spark", 1.4, "3.5"}, {"feature-store", 0.9, "0.6"}, {"report-renderer", 0.7, "1.2"}, {"backup", 0.5, ""},
		{"mysql-5.6", 0.04, ""}, {"hadoop", 0, ""},
	}},
}

// The images that something happens to.
const (
	glitched = "shop-api"      // shows 0 for one look
	remade   = "etl-worker"    // deleted and made anew: its counter begins again
	dropped  = "feature-flags" // deleted for good
	born     = "recommender"   // appears
)
