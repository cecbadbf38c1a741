package config

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (l *loader) loadFile() {
	path, where := l.in.File, "--config"
	if path == "" {
		path, _ = l.in.Lookup("SYNCER_CONFIG")
		where = "SYNCER_CONFIG"
	}
	if path == "" {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		l.blind = true
		l.fault("%s: read %s: %v: name a readable YAML file", where, path, cause(err))
		return
	}
	l.file = path
	root, err := parse(data)
	if err != nil {
		l.blind = true
		l.fault("%s: not a file of settings: %v", path, err)
		return
	}
	known := l.settingFields(l.top, "", func(scope) bool { return true })
	known["sources"] = func(path string, node *yaml.Node) {
		l.unread = !l.items(path, node, func(_ string, item *yaml.Node) { l.sources = append(l.sources, item) })
	}
	l.mapping("", root, known)
}

// parse returns the mapping that the file is; an empty one when it says nothing.
func parse(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, yamlFault(err)
	}
	// What a file cannot mean, such as an anchor that holds itself, shows only when it is decoded.
	var whole any
	err := doc.Decode(&whole)
	if _, twice := errors.AsType[*yaml.TypeError](err); err != nil && !twice { // keys that stand twice are told by mapping
		return nil, yamlFault(err)
	}
	switch {
	case doc.Kind == 0 || isNull(doc.Content[0]):
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	case doc.Content[0].Kind != yaml.MappingNode:
		return nil, errors.New("write KEY: VALUE, a line for each setting")
	}
	return doc.Content[0], nil
}

var (
	yamlValue  = regexp.MustCompile("`[^`]*`")
	yamlAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)
)

// yamlFault is a YAML error in one line. Its text may quote values, which may be secret.
func yamlFault(err error) error {
	text := yamlValue.ReplaceAllString(err.Error(), "a value")
	text = yamlAnchor.ReplaceAllString(text, "unknown anchor: put a value that begins with * in quotes")
	return errors.New(strings.ReplaceAll(strings.TrimPrefix(text, "yaml: "), "\n", " "))
}

// fields are the keys that a mapping may have, and what takes the value of each.
type fields map[string]func(path string, node *yaml.Node)

// settingFields are the settings of some scopes below a prefix of their key; their values are put into to.
func (l *loader) settingFields(to values, prefix string, in func(scope) bool) fields {
	known := fields{}
	for _, s := range Settings() {
		leaf, ok := strings.CutPrefix(s.Key, prefix)
		if !ok || s.field == nil || !in(s.scope) {
			continue
		}
		if group, _, nested := strings.Cut(leaf, "."); nested {
			known[group] = func(path string, node *yaml.Node) {
				l.mapping(path, node, l.settingFields(to, prefix+group+".", in))
			}
			continue
		}
		known[leaf] = func(path string, node *yaml.Node) {
			if !s.Secret || !l.both(path) {
				l.take(to, s.Key, path, node)
			}
		}
		if s.Secret {
			known[leaf+keyFileSuffix] = func(path string, node *yaml.Node) { l.takeSecretFile(to, s, path, node) }
		}
	}
	return known
}

// mapping hands the value of each key to what takes it.
func (l *loader) mapping(path string, node *yaml.Node, known fields) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		l.fault("%s: wants keys with values", l.at(path))
		return
	}
	seen := map[string]int{}
	for key, value := range pairs(node) {
		full := join(path, key.Value)
		first, twice := seen[key.Value]
		seen[key.Value], l.lines[full] = key.Line, key.Line
		take, ok := known[key.Value]
		switch {
		case twice:
			l.fault("%s: stands in line %d already: remove one", l.at(full), first)
		case !ok:
			l.fault("%s: unknown key: remove it, or mend its spelling", l.at(full))
		case isNull(value): // as if it did not stand there
			delete(l.lines, full)
		default:
			take(full, value)
		}
	}
}

// pairs are the keys of a mapping with their values, and after them what it merges (<<) and does not say itself.
func pairs(node *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		own, merged := map[string]bool{}, []*yaml.Node(nil)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], resolve(node.Content[i+1])
			switch {
			case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
				merged = append(merged, value.Content...)
			case key.Tag == "!!merge":
				merged = append(merged, value)
			case !yield(key, value):
				return
			}
			own[key.Value] = true
		}
		for _, other := range merged {
			for key, value := range pairs(resolve(other)) {
				if own[key.Value] {
					continue
				}
				own[key.Value] = true
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

// items hands on each item of a list. It reports whether there was one.
func (l *loader) items(path string, node *yaml.Node, take func(path string, item *yaml.Node)) bool {
	node = resolve(node)
	if node.Kind != yaml.SequenceNode {
		l.fault("%s: wants a list", l.at(path))
		return false
	}
	for i, item := range node.Content {
		full := path + "[" + strconv.Itoa(i) + "]"
		l.lines[full] = item.Line
		take(full, resolve(item))
	}
	return true
}

// take keeps a value, or a list of values, as it is written: what YAML would make of 1.10 or 0100 is not asked.
func (l *loader) take(to values, key, path string, node *yaml.Node) {
	node = resolve(node)
	v := given{origin: l.at(path), list: node.Kind == yaml.SequenceNode}
	scalars := []*yaml.Node{node}
	if v.list {
		scalars = node.Content
	}
	for i, scalar := range scalars {
		scalar = resolve(scalar)
		switch {
		case v.list && (scalar.Kind != yaml.ScalarNode || isNull(scalar)):
			l.fault("%s: item %d is not one value", v.origin, i+1)
			v.bad = true
		case scalar.Kind != yaml.ScalarNode:
			l.fault("%s: wants one value", v.origin)
			v.bad = true
		default:
			v.texts = append(v.texts, bare(scalar.Value))
		}
	}
	to[key] = v
}

// takeSecretFile keeps the content of the file that a KEY_file names. Paths are relative to the configuration file.
func (l *loader) takeSecretFile(to values, s Setting, path string, node *yaml.Node) {
	if l.both(path) || !l.needs(s.need) {
		return
	}
	name := values{}
	l.take(name, s.Key, path, node)
	v, ok := name[s.Key]
	switch {
	case !ok:
		return
	case v.bad:
	case v.list || v.texts[0] == "":
		l.fault("%s: wants the path of a file", v.origin)
		v.bad = true
	default:
		file := v.texts[0]
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(l.file), file)
		}
		v.texts[0] = l.secretFile(v.origin, file)
		v.bad = v.texts[0] == ""
	}
	to[s.Key] = v
}

// both complains when a secret stands beside the name of a file that holds it. path is that of either.
func (l *loader) both(path string) bool {
	key := strings.TrimSuffix(path, keyFileSuffix)
	_, plain := l.lines[key]
	_, file := l.lines[key+keyFileSuffix]
	if plain && file {
		l.fault("%s and %s are both set: remove one", l.at(key), key[strings.LastIndexByte(key, '.')+1:]+keyFileSuffix)
	}
	return plain && file
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
