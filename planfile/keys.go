package planfile

import (
	"reflect"
	"strings"
)

// fieldsOf returns the fields of a struct by their keys in JSON, which are those of
// the plan.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i, key := range keysOf(t) {
		fields[key] = i
	}
	return fields
}

// keysOf returns the keys of a struct in the order of its fields. Every field of a
// plan's types has one.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return keys
}

// nearest returns the known key that an unknown one may have meant, or "".
func nearest(key string, known []string) string {
	best, least := "", 1+len(key)/3
	for _, k := range known {
		if d := distance(strings.ToLower(key), strings.ToLower(k)); d <= least {
			best, least = k, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, drop, change or swap with their
// neighbour to get from a to b. It gives up on long keys.
func distance(a, b string) int {
	const longest = 40
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var d [longest + 1][longest + 1]int
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			default:
				d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ(a[i-1], b[j-1]))
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(a)][len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
