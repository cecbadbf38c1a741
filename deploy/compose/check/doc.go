// Package check holds no code, only tests: docker-compose.yml read by the parser that docker compose has.
//
// It is a module of its own, so that the parser takes no part in choosing the versions of the program's dependencies.
package check
