// This file lets failure_test.go declare a function without a body.
