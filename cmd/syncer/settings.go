package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"syncer/internal/config"
)

// settingsTopic is the help on settings, made from the list that also reads them. It is no command: it only has help.
func settingsTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString(`Flags win over variables, variables over the YAML file that --config or SYNCER_CONFIG names, and the file over defaults.
An empty variable counts as unset. A secret can also be read from a file that VARIABLE_FILE, or KEY_file in the YAML file, names.
Variables and the top level of the file describe the source "default"; the file's list "sources" adds others:

  sources:
    - name: other
      api_base_url: https://api.example.com
      credentials: {public_key_file: /run/secrets/pub, private_key_file: /run/secrets/priv}
      headers: {channel-key: brand}
      time_zone: +08:00
      projects:
        - {id: org-1, repos: [web, base]}
        - {id: org-2, discover: private, include: ["team-*"], exclude: ["*-old"]}

VARIABLE (key in the file, default)
`)
	for _, s := range config.Settings() {
		fmt.Fprintf(&text, "\n  %s%s\n      %s\n", s.Variable, settingNotes(s), s.Help)
	}
	return &cobra.Command{Use: "settings", Short: "All settings: variables, keys of the file, defaults", Long: text.String()}
}

func settingNotes(s config.Setting) string {
	var notes []string
	if s.Key != "" {
		notes = append(notes, s.Key)
	}
	if s.Default != "" {
		notes = append(notes, "default "+s.Default)
	}
	if s.Secret {
		notes = append(notes, "secret")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}
