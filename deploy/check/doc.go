// Package check holds what deploy/ offers to our own rules: the images and the
// services of compose.yaml, which no compiler reads. It is a module of its own, so
// that the product does not list what only these checks link.
package check
