package planfile

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/rampart-dev/rampart"
)

// maxMistakes bounds what is told of one file.
const maxMistakes = 100

// decode fills in what the syntax tree says, guided by the JSON keys of the types
// of v, which points to a document of the kind that is named. It notes the place of
// every key and entry, and every mistake. Meant are the paths of keys that seem to
// be there, but misspelt.
func decode(root ast.Node, kind string, v any, places map[string]Place) (found []Mistake, meant []string) {
	d := &decoder{kind: kind, places: places}
	d.place("", startOf(root)) // what the whole document lacks is said here
	d.value("", root, reflect.ValueOf(v).Elem())
	return d.found, d.meant
}

type decoder struct {
	kind   string // of document, for messages
	places map[string]Place
	found  []Mistake
	meant  []string // the paths of keys that were probably meant by unknown ones
}

func (d *decoder) place(path string, at Place) {
	if _, ok := d.places[path]; !ok { // the first of duplicate keys counts
		d.places[path] = at
	}
}

// wrong notes a mistake at the place of its path.
func (d *decoder) wrong(path, hint, format string, args ...any) {
	d.wrongAt(d.places[path], path, hint, format, args...)
}

func (d *decoder) wrongAt(at Place, path, hint, format string, args ...any) {
	if len(d.found) < maxMistakes {
		m := wrongAt(at, hint, format, args...)
		m.Path = path
		d.found = append(d.found, m)
	}
}

var (
	durationType = reflect.TypeFor[rampart.Duration]()
	percentType  = reflect.TypeFor[rampart.Percent]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

// value decodes a node into v, which is settable.
func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	switch t := v.Type(); {
	case t == rawType:
		v.SetBytes(d.raw(path, n))
	case scalarOf(n).kind == null:
		d.wrong(path, "write a value, or leave the key out", "has no value")
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		d.value(path, n, p.Elem())
		v.Set(p)
	case t.Kind() == reflect.Slice:
		d.list(path, n, v)
	case t.Kind() == reflect.Struct:
		d.object(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(path, "write [a, b], or lines that begin with a dash", "is %s; a list is wanted", describe(n))
		return
	}
	if len(seq.Values) == 0 {
		d.wrong(path, "leave the key out", "is an empty list, which says nothing")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, entry := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.place(at, startOf(entry))
		d.value(at, entry, v.Index(i))
	}
}

func (d *decoder) object(path string, n ast.Node, v reflect.Value) {
	if short := shorthand[v.Type()]; short != nil && scalarOf(n).kind != none {
		short(d, path, n, v)
		return
	}
	entries, ok := entriesOf(n)
	if !ok {
		d.wrong(path, "write a map with the keys "+strings.Join(keysOf(v.Type()), ", "), "is %s; a map is wanted", describe(n))
		return
	}
	if fresh, ok := prefilled[v.Type()]; ok {
		v.Set(reflect.ValueOf(fresh))
	}
	fields, seen := fieldsOf(v.Type()), map[string]Place{}
	for _, e := range entries {
		key, where := e.Key.GetToken().Value, placeOf(e.Key.GetToken())
		at := join(path, key)
		index, known := fields[key]
		first, again := seen[key]
		d.place(at, where)
		seen[key] = where
		switch {
		case again:
			d.wrongAt(where, at, fmt.Sprintf("it stands on line %d already; keep one of them", first.Line), "is repeated")
		case !known:
			d.unknown(path, key, keysOf(v.Type()))
		default:
			d.value(at, e.Value, v.Field(index))
			d.zero(at, key, e.Value, v, index)
		}
	}
}

func (d *decoder) unknown(path, key string, known []string) {
	hint := "keys here are " + strings.Join(known, ", ")
	if k := nearest(key, known); k != "" && len(d.meant) < maxMistakes {
		d.meant = append(d.meant, join(path, k))
		hint = fmt.Sprintf("did you mean %s?", k)
	}
	d.wrong(join(path, key), hint, "is not a key of a %s here", d.kind)
}

// shorthand are the types that may be written as one scalar.
var shorthand = map[reflect.Type]func(d *decoder, path string, n ast.Node, v reflect.Value){
	reflect.TypeFor[rampart.Approvals](): func(d *decoder, path string, n ast.Node, v reflect.Value) {
		d.scalar(path, n, v.FieldByName("Count"))
	},
	reflect.TypeFor[rampart.Policy](): func(d *decoder, path string, n ast.Node, v reflect.Value) {
		d.scalar(path, n, v.FieldByName("Action"))
	},
}

// prefilled are the types whose zero means something, so that a key which is left
// out must differ from a key which is 0.
var prefilled = map[reflect.Type]any{
	reflect.TypeFor[rampart.Finish]():    rampart.Finish{Percent: rampart.Full, Bake: rampart.DefaultBake},
	reflect.TypeFor[rampart.Parachute](): rampart.Parachute{Share: rampart.Full, Wait: rampart.DefaultParachute},
}

// zeroMeans are the keys whose 0 is meant. Elsewhere a 0 would be taken for a key
// that was left out, and give the default without a word.
var zeroMeans = []string{"count", "percent", "hold", "for", "bake", "min", "max", "margin", "share", "from", "shadow", "expire", "good", "improve", "maxRise", "over", "by", "upTo"}

func (d *decoder) zero(path, key string, n ast.Node, v reflect.Value, index int) {
	f := v.Field(index)
	number := f.CanInt() || f.CanFloat()
	if number && f.IsZero() && scalarOf(n).kind != none && !slices.Contains(zeroMeans, key) && !d.wrongAlready(path) {
		d.wrong(path, "leave the key out for its default", "0 is not possible here")
	}
}

func (d *decoder) wrongAlready(path string) bool {
	return len(d.found) > 0 && d.found[len(d.found)-1].Path == path
}

// scalar decodes a word or a number.
func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	s := scalarOf(n)
	var err error
	switch t := v.Type(); {
	case s.kind == none:
		what, example := wanted(t)
		d.wrong(path, "write "+example, "is %s; %s is wanted", describe(n), what)
	case t == durationType && (s.kind == text || s.text == "0"):
		err = v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s.text))
	case t == durationType:
		d.wrong(path, "add a unit: s, m, h, d or w", "%s has no unit", s.text)
	case t == percentType && (s.kind == text || s.number()):
		err = d.percent(s, v)
	case v.Kind() == reflect.String && s.kind == text:
		v.SetString(s.text)
	case v.Kind() == reflect.String:
		d.wrong(path, fmt.Sprintf("write it in quotes: %q", s.text), "is %s; a text is wanted", describe(n))
	case v.Kind() == reflect.Bool && s.kind == boolean:
		v.SetBool(strings.EqualFold(s.text, "true"))
	case v.Kind() == reflect.Int && s.kind == integer:
		err = d.integer(s, v)
	case v.Kind() == reflect.Float64 && s.number():
		err = d.float(s, v)
	default:
		what, example := wanted(t)
		d.wrong(path, "write "+example, "is %s; %s is wanted", describe(n), what)
	}
	if err != nil {
		d.wrong(path, rampart.HintOf(err), "%s", err)
	}
}

func (d *decoder) percent(s scalar, v reflect.Value) error {
	p, err := rampart.ParsePercent(s.text)
	v.SetInt(int64(p))
	return err
}

func (d *decoder) integer(s scalar, v reflect.Value) error {
	n, err := strconv.ParseInt(s.text, 0, 32)
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "%.40s is too large", s.text).WithHint("use a small whole number")
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) float(s scalar, v reflect.Value) error {
	f, err := strconv.ParseFloat(s.text, 64)
	if err != nil || math.IsInf(f, 0) {
		return rampart.Errorf(rampart.Invalid, "%.40s is not a number that can be kept", s.text).WithHint("use a number below 1e308")
	}
	v.SetFloat(f)
	return nil
}

// raw returns any value as JSON. Numbers keep their digits.
func (d *decoder) raw(path string, n ast.Node) json.RawMessage {
	b, err := json.Marshal(d.any(path, n))
	if err != nil {
		d.wrong(path, "write a boolean, a number, a text, a list or a map", "cannot be written as JSON")
		return json.RawMessage("null")
	}
	return b
}

func (d *decoder) any(path string, n ast.Node) any {
	if seq, ok := n.(*ast.SequenceNode); ok {
		list := make([]any, len(seq.Values))
		for i, entry := range seq.Values {
			at := fmt.Sprintf("%s[%d]", path, i)
			d.place(at, startOf(entry))
			list[i] = d.any(at, entry)
		}
		return list
	}
	if entries, ok := entriesOf(n); ok {
		object := map[string]any{}
		for _, e := range entries {
			key, where := e.Key.GetToken().Value, placeOf(e.Key.GetToken())
			at := join(path, key)
			d.place(at, where)
			if _, again := object[key]; again {
				d.wrongAt(where, at, "keep one of them", "is repeated")
			}
			object[key] = d.any(at, e.Value)
		}
		return object
	}
	switch s := scalarOf(n); s.kind {
	case text:
		return s.text
	case boolean:
		return strings.EqualFold(s.text, "true")
	case integer, decimal:
		return s.json()
	case null:
		return nil
	}
	d.wrong(path, "write a boolean, a number, a text, a list or a map", "is %s, which JSON does not have", describe(n))
	return nil
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.:/-]+$`)

func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = strconv.Quote(key) // it will be printed on a terminal
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
