package config

import (
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// setSources makes the sources: the one that variables and the top level describe, when it is to read anything or when there
// is no other, and those of the file.
func (l *loader) setSources(cfg *Config) {
	first := &sourceCheck{loader: l, values: l.top, Source: Source{Name: DefaultSource, Projects: make([]Project, 1)}}
	first.setFields(cfg)
	l.set(values{"": written(sourceTimeZone, "")}, "", &first.TimeZone)
	if p := first.Projects[0]; len(l.sources) == 0 || len(p.Repos) > 0 || p.Discover != DiscoverNone {
		l.checks = append(l.checks, first)
	}
	for i, node := range l.sources {
		c := &sourceCheck{loader: l, path: fmt.Sprintf("sources[%d]", i)}
		c.read(node)
		c.setFields(cfg)
		l.checks = append(l.checks, c)
	}
	for _, c := range l.checks {
		cfg.Sources = append(cfg.Sources, c.Source)
	}
}

// setFields sets what a source has of the settings in the table.
func (c *sourceCheck) setFields(cfg *Config) {
	for _, s := range Settings() {
		if s.field != nil && (s.scope.inherited() || s.scope == ofDefault && c.path == "") {
			c.set(c.values, s.Key, s.field(cfg, &c.Source))
		}
	}
}

func (s scope) inherited() bool { return s == ofSource || s == ofAsking }

// read takes a source of the file. What it does not say itself it takes over from the top level.
func (c *sourceCheck) read(node *yaml.Node) {
	own := values{}
	known := c.settingFields(own, "", scope.inherited)
	known.add(c, own, "name", "time_zone")
	known["headers"] = func(path string, node *yaml.Node) { c.mapping(path, node, c.headers(node)) }
	known["projects"] = func(path string, node *yaml.Node) {
		c.unread = !c.items(path, node, func(path string, item *yaml.Node) { c.Projects = append(c.Projects, c.project(path, item)) }) || c.unread
	}
	c.mapping(c.path, node, known)
	c.values = values{"time_zone": written(sourceTimeZone, "")}
	for _, s := range Settings() {
		top, ok := c.top[s.Key]
		group, _, _ := strings.Cut(s.Key, ".")
		if ok && s.scope.inherited() && (s.scope == ofAsking || !c.says(group)) { // a public key goes with no other's private key
			c.values[s.Key] = top
		}
		if s.scope == ofAsking && c.beatsFile(s) {
			delete(own, s.Key)
		}
	}
	maps.Copy(c.values, own)
	c.set(c.values, "name", &c.Name)
	c.set(c.values, "time_zone", &c.TimeZone)
}

// says reports whether a source of the file has a key.
func (c *sourceCheck) says(key string) bool {
	_, ok := c.lines[join(c.path, key)]
	return ok
}

// beatsFile reports whether a variable or a flag sets a setting.
func (l *loader) beatsFile(s Setting) bool {
	origin := l.top[s.Key].origin
	return origin == s.Variable || l.in.Flags[s.Key].Name != ""
}

func (f fields) add(c *sourceCheck, to values, keys ...string) {
	for _, key := range keys {
		f[key] = func(path string, node *yaml.Node) { c.take(to, key, path, node) }
	}
}

// headers are any keys.
func (c *sourceCheck) headers(node *yaml.Node) fields {
	c.Headers = map[string]Secret{}
	known := fields{}
	if node = resolve(node); node.Kind != yaml.MappingNode {
		return known
	}
	for key := range pairs(node) {
		name := key.Value
		known[name] = func(path string, node *yaml.Node) {
			v := values{}
			c.take(v, name, path, node)
			var secret Secret
			c.set(v, name, &secret)
			c.Headers[name] = secret
		}
	}
	return known
}

func (c *sourceCheck) project(path string, node *yaml.Node) Project {
	p := Project{Discover: DiscoverNone}
	v, known := values{}, fields{}
	known.add(c, v, "id", "repos", "discover", "include", "exclude")
	c.mapping(path, node, known)
	c.set(v, "id", &p.ID)
	c.set(v, "repos", &p.Repos)
	c.set(v, "discover", &p.Discover)
	c.set(v, "include", &p.Include)
	c.set(v, "exclude", &p.Exclude)
	c.unread = c.unread || v["repos"].bad || v["discover"].bad
	return p
}
