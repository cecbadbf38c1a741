// Package deploy holds no code, only tests: what stands beside it for containers, compose and Kubernetes fits the program and
// runs.
package deploy
