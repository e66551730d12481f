package planfile

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A kind is what a scalar is by the core schema of YAML 1.2.
type kind int

const (
	none    kind = iota // not a scalar
	text                // also on, off, yes and no
	null                //
	boolean             //
	integer             //
	decimal             //
	beyond              // not a number, or an infinite one
)

type scalar struct {
	kind kind
	text string
}

func (s scalar) number() bool { return s.kind == integer || s.kind == decimal }

var (
	nullPattern    = regexp.MustCompile(`^(~|null|Null|NULL|)$`)
	boolPattern    = regexp.MustCompile(`^(true|True|TRUE|false|False|FALSE)$`)
	intPattern     = regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	decimalPattern = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	beyondPattern  = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	jsonPattern    = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
	leadingZeros   = regexp.MustCompile(`^([-+]?)0+([0-9])`)
)

// scalarOf resolves a node. The parser's own numbers are not used: it also takes
// 1_000 and 012 for numbers as YAML 1.1 did.
func scalarOf(n ast.Node) scalar {
	switch n := n.(type) {
	case nil:
		return scalar{kind: null}
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return scalar{}
	case *ast.LiteralNode:
		return scalar{text, n.Value.Value}
	case *ast.StringNode:
		if t := n.Token.Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			return scalar{text, n.Value}
		}
		return plain(n.Value)
	case *ast.NullNode:
		return scalar{kind: null}
	case ast.ScalarNode:
		return plain(n.GetToken().Value)
	}
	return scalar{kind: beyond}
}

func plain(s string) scalar {
	switch {
	case nullPattern.MatchString(s):
		return scalar{null, s}
	case boolPattern.MatchString(s):
		return scalar{boolean, s}
	case intPattern.MatchString(s):
		return scalar{integer, leadingZeros.ReplaceAllString(strings.TrimPrefix(s, "+"), "$1$2")}
	case decimalPattern.MatchString(s):
		return scalar{decimal, strings.TrimPrefix(s, "+")}
	case beyondPattern.MatchString(s):
		return scalar{beyond, s}
	}
	return scalar{text, s}
}

// json returns a number as JSON writes it.
func (s scalar) json() any {
	if jsonPattern.MatchString(s.text) {
		return json.Number(s.text)
	}
	if n, err := strconv.ParseInt(s.text, 0, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s.text, 64) // what is out of range is infinite, and refused by the encoder
	return f
}

// describe names a node in a sentence.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	}
	return map[kind]string{
		text: "a text", null: "empty", boolean: "a boolean", integer: "a number", decimal: "a number", beyond: "not a finite number",
	}[scalarOf(n).kind]
}

// wanted names what a scalar of a type is, with an example.
func wanted(t reflect.Type) (what, example string) {
	switch {
	case t == durationType:
		return "a duration", "whole numbers with s, m, h, d or w, such as 12h or 7d"
	case t == percentType:
		return "a percentage", "a number of percent, such as 5 or 2%"
	case t.Kind() == reflect.Bool:
		return "a boolean", "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number", "it in digits, without quotes"
	case t.Kind() == reflect.Float64:
		return "a number", "it in digits, without quotes"
	}
	return "a text", "it as one text, in quotes if need be"
}

// entriesOf returns the entries of a map.
func entriesOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// startOf returns where a node begins. The token of a map in block style is its
// first colon, which is not where people look.
func startOf(n ast.Node) Place {
	if m, ok := n.(*ast.MappingNode); ok && m.IsFlowStyle {
		return placeOf(m.Start)
	}
	if entries, ok := entriesOf(n); ok && len(entries) > 0 {
		return placeOf(entries[0].Key.GetToken())
	}
	return placeOf(n.GetToken())
}
