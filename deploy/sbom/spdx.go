package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// document is a bill of materials in the form of SPDX 2.3, as far as it is used here.
type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	CopyrightText    string      `json:"copyrightText"`
	SourceInfo       string      `json:"sourceInfo,omitempty"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	ExternalRefs     []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const (
	unsaid = "NOASSERTION"
	rootID = "SPDXRef-DOCUMENT"
)

// describe makes the bill of a Go program. It depends on the file alone, so that who builds the same program gets the same bill.
func describe(path string) (document, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return document{}, fmt.Errorf("read what %s was built of: %w", path, err)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the program that the caller names
	if err != nil {
		return document{}, err
	}
	digest := sha256.Sum256(content)
	sum := hex.EncodeToString(digest[:])
	program := newComponent("program", info.Main.Path, info.Main.Version)
	program.LicenseDeclared = "Apache-2.0"
	program.Checksums = []checksum{{"SHA256", sum}}
	doc := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: rootID, Name: info.Main.Path + " " + platform(info),
		DocumentNamespace: "https://spdx.org/spdxdocs/" + info.Main.Path + "-" + sum,
		CreationInfo:      creation{Created: committed(info), Creators: []string{"Tool: syncer-sbom"}},
		Packages:          []component{program},
		Relationships:     []relationship{{rootID, "DESCRIBES", program.SPDXID}},
	}
	add := func(c component) {
		doc.Packages = append(doc.Packages, c)
		doc.Relationships = append(doc.Relationships, relationship{program.SPDXID, "DEPENDS_ON", c.SPDXID})
	}
	add(withLocator(newComponent("stdlib", "stdlib", strings.TrimPrefix(info.GoVersion, "go"))))
	for i, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := withLocator(newComponent(fmt.Sprintf("module-%d", i+1), m.Path, m.Version))
		c.SourceInfo = "go.sum " + m.Sum
		add(c)
	}
	return doc, nil
}

func newComponent(id, name, version string) component {
	return component{
		SPDXID: "SPDXRef-" + id, Name: name, VersionInfo: version, DownloadLocation: unsaid,
		LicenseConcluded: unsaid, LicenseDeclared: unsaid, CopyrightText: unsaid,
	}
}

// withLocator adds the name by which databases of vulnerabilities know a module.
func withLocator(c component) component {
	c.ExternalRefs = []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + c.Name + "@" + url.PathEscape(c.VersionInfo)}}
	return c
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func platform(info *debug.BuildInfo) string {
	return setting(info, "GOOS") + "/" + setting(info, "GOARCH")
}

// committed is when the source was; a build outside a repository has no such time.
func committed(info *debug.BuildInfo) string {
	at, err := time.Parse(time.RFC3339, setting(info, "vcs.time"))
	if err != nil {
		at = time.Unix(0, 0)
	}
	return at.UTC().Format(time.RFC3339)
}
