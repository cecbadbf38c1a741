package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	yamlv3 "go.yaml.in/yaml/v3"
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
		l.fault("%s: read %s: %v: name a readable YAML file", where, path, cause(err))
		return
	}
	l.file = path
	values, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		l.fault("%s: %s", path, yamlFault(err))
		return
	}
	l.readSecretFiles(values, "")
	l.inFile = values
	// The empty delimiter keeps keys with dots whole, so that they are complained of as they were written.
	if err := l.k.Load(confmap.Provider(values, ""), nil); err != nil {
		l.fault("%s: %v", path, err)
	}
}

var (
	yamlValue  = regexp.MustCompile("`[^`]*`")
	yamlAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)
)

// yamlFault is a YAML error in one line. Its text may quote values, which may be secret.
func yamlFault(err error) string {
	text := err.Error()
	if typeErr, ok := errors.AsType[*yamlv3.TypeError](err); ok {
		text = strings.Join(typeErr.Errors, "; ")
	}
	text = yamlValue.ReplaceAllString(text, "a value")
	text = yamlAnchor.ReplaceAllString(text, "unknown anchor: put a value that begins with * in quotes")
	return "not a file of settings: " + strings.ReplaceAll(strings.TrimPrefix(text, "yaml: "), "\n", " ")
}

// secretKeys are the last parts of the keys that hold secrets.
func secretKeys() map[string]Need {
	keys := map[string]Need{}
	for _, s := range Settings() {
		if s.Secret && s.Key != "" {
			keys[s.Key[strings.LastIndexByte(s.Key, '.')+1:]] = s.need
		}
	}
	return keys
}

// readSecretFiles puts the content of the file that a KEY_file names under KEY, at any depth. Paths are relative to the
// configuration file.
func (l *loader) readSecretFiles(node any, path string) {
	switch node := node.(type) {
	case []any:
		for i, v := range node {
			l.readSecretFiles(v, fmt.Sprintf("%s[%d]", path, i))
		}
	case map[string]any:
		for key, need := range secretKeys() {
			l.readSecretFile(node, path, key, need)
		}
		for key, v := range node {
			if key != "headers" { // whose keys are the user's own
				l.readSecretFiles(v, join(path, key))
			}
		}
	}
}

func (l *loader) readSecretFile(node map[string]any, path, key string, need Need) {
	name, ok := node[key+keyFileSuffix]
	if !ok {
		return
	}
	where := l.where(join(path, key+keyFileSuffix))
	delete(node, key+keyFileSuffix)
	file, isText := name.(string)
	switch _, both := node[key]; {
	case both:
		l.fault("%s and %s are both set: remove one", l.where(join(path, key)), key+keyFileSuffix)
	case !isText || file == "":
		l.fault("%s: wants the path of a file", where)
	case l.needs(need):
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(l.file), file)
		}
		node[key] = l.secretFile(where, file)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
