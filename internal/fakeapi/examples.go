package fakeapi

import _ "embed" // the examples are files, so that they stay what the vendor wrote

// The vendor's two documented example answers of GetRepoImage, for [Repo].Body: 9 rows though TotalCount is 5, times as
// small integers, no RepoName. They say the same in different words.
var (
	//go:embed examples/english.json
	ExampleEnglish string
	//go:embed examples/chinese.json
	ExampleChinese string
)
