// Package figure is what measured figures are made of: the quantiles of samples, and
// the file in which named figures are kept.
//
// # Promise
//
// Quantiles are samples that were measured, never interpolated: the p99 of 300
// samples is the fourth largest. A file of figures is one JSON object whose keys are
// names and whose values are numbers, beside "about", which says on which machine
// they were measured. Writing some figures keeps the others that are in the file.
package figure
