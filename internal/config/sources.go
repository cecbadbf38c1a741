package config

import (
	"fmt"
	"maps"
)

// loadSources lets the sources of the file take over what they do not say themselves.
func (l *loader) loadSources() {
	sources, ok := l.k.Get("sources").([]any)
	if !ok {
		return // absent, or no list, which decoding complains of
	}
	filled := make([]any, len(sources))
	for i, source := range sources {
		filled[i] = source
		if values, ok := source.(map[string]any); ok {
			filled[i] = l.inherit(maps.Clone(values), fmt.Sprintf("sources[%d]", i))
		}
	}
	l.set("sources", filled, "")
}

func (l *loader) inherit(source map[string]any, path string) map[string]any {
	for _, key := range inherited {
		_, own := source[key]
		origin, set := l.origin[key]
		if own && (!imposed[key] || !set) {
			continue
		}
		if value := l.k.Get(key); value != nil {
			source[key] = value
		}
		if set {
			l.origin[join(path, key)] = origin
		}
	}
	if _, own := source["time_zone"]; !own {
		source["time_zone"] = sourceTimeZone
	}
	return source
}

// addDefaultSource puts the source that variables describe before those of the file.
func (l *loader) addDefaultSource(cfg *Config) {
	if len(cfg.Sources) > 0 && len(cfg.Repos) == 0 && cfg.Discover == DiscoverNone {
		return
	}
	var zone Zone
	if err := zone.UnmarshalText([]byte(sourceTimeZone)); err != nil {
		l.fault("%v", err)
	}
	cfg.Sources = append([]Source{{
		Name:     DefaultSource,
		Access:   cfg.Access,
		Tuning:   cfg.Tuning,
		TimeZone: zone,
		Projects: []Project{{ID: cfg.ProjectID, Repos: cfg.Repos, Discover: cfg.Discover}},
	}}, cfg.Sources...)
}
