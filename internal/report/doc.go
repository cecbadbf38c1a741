// Package report shows what the database knows to people: as tables for terminals, as CSV and JSON, and as one HTML page with
// charts that needs nothing but itself.
//
// What a registry calls its images is written by strangers. Tables and the page show it escaped; CSV and JSON are for programs
// and keep it as it is.
package report
