// Package promises holds no code, only tests: what the repo says of itself in README, docs and comments must be true.
package promises
