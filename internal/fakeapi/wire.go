package fakeapi

import "time"

// Wire is how answers are written. The zero value is the documented form: times are Unix seconds in a string, counts and
// codes are integers.
type Wire struct {
	Times  Times
	Zone   *time.Location // of TimeText, which names none; nil: UTC+8
	Counts Counts
	Totals Totals
	Codes  Codes
	Tags   Tags
	Flags  Flags // IsShared and IsOutSide of GetRepo
	Empty  Empty
	Keys   Keys

	NoRepoName    bool // rows without RepoName, as in the documented examples
	OtherRepoName bool // rows name the repo in upper case
	NoAction      bool // no Action in the envelope
	RepoNames     bool // GetRepo's rows are plain strings, as in the documented example
	Message       bool // a Message though RetCode is 0
	RequestUUID   bool // Request_uuid in the body
	Extra         bool // unknown fields in the envelope and in rows
	Pretty        bool // indented, with a newline at the end
	BOM           bool // begins with a UTF-8 byte order mark
}

// Times is a form of CreateTime and UpdateTime.
type Times int

// Forms of times.
const (
	TimeString     Times = iota // "1571000000"
	TimeInt                     // 1571000000
	TimeMillis                  // 1571000000000
	TimeMillisText              // "1571000000000"
	TimeExponent                // 1.571e9, all digits kept
	TimeText                    // "2019-10-14 04:53:20" in Wire.Zone
	TimeRFC3339                 // "2019-10-13T20:53:20Z"
	TimeZero                    // 0
	TimeEmpty                   // ""
	TimeNull                    // null
	TimeMissing                 // the key is not there
	TimeGarbage                 // "yesterday"
)

// Counts is a form of PullCount.
type Counts int

// Forms of counts.
const (
	CountInt      Counts = iota // 12
	CountString                 // "12"
	CountFloat                  // 12.0
	CountExponent               // 1.2e1, all digits kept
	CountNull                   // null
	CountMissing                // the key is not there
	CountNegative               // -12, and -1 for 0
	CountText                   // "many"
)

// Totals is a form of TotalCount.
type Totals int

// Forms of totals, and totals that lie.
const (
	TotalInt      Totals = iota // 5
	TotalString                 // "5"
	TotalNull                   // null
	TotalMissing                // the key is not there
	TotalZero                   // 0
	TotalSmall                  // half of the truth
	TotalBig                    // a thousand more than the truth
	TotalPage                   // the number of rows in this answer
	TotalChanging               // the truth or one more, by turns
)

// Codes is a form of RetCode.
type Codes int

// Forms of codes.
const (
	CodeInt     Codes = iota // 0
	CodeString               // "0"
	CodeFloat                // 0.0
	CodeMissing              // the key is not there
)

// Tags is a form of LatestTag.
type Tags int

// Forms of tags.
const (
	TagText    Tags = iota // "1.29"
	TagEmpty               // ""
	TagNull                // null
	TagMissing             // the key is not there
	TagNumber              // 1.0
)

// Flags is a form of booleans.
type Flags int

// Forms of booleans.
const (
	FlagText    Flags = iota // "true", "false"
	FlagBool                 // true, false
	FlagInt                  // 1, 0
	FlagTypo                 // "ture" (as the vendor's page has it), "false"
	FlagMissing              // the key is not there
)

// Empty is a form of an empty list.
type Empty int

// Forms of an empty list.
const (
	EmptyArray   Empty = iota // []
	EmptyNull                 // null
	EmptyMissing              // the key is not there
	EmptyObject               // {}
)

// Keys is a spelling of all keys.
type Keys int

// Spellings of keys.
const (
	KeysDocumented Keys = iota // PullCount
	KeysLower                  // pullcount
	KeysUpper                  // PULLCOUNT
)
