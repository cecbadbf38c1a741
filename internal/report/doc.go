// Package report shows what the database knows to people: as tables for terminals, as CSV and JSON, and as one HTML page with
// charts that needs nothing but itself.
//
// What a registry calls its images is written by strangers. Nothing of it reaches a terminal or a page unescaped.
package report
