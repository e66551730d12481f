package planfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/rampart-dev/rampart"
)

// Bounds of the syntax. The parser's time grows with the square of the keys and its
// stack with the depth, so both are counted before it sees the file.
const (
	maxDepth = 32
	maxKeys  = 5000
)

// parse returns the root of the syntax tree, or what keeps it from being one.
func parse(data []byte, f form) (root ast.Node, found []Mistake) {
	defer func() {
		if r := recover(); r != nil { // a defect of the parser is the file's mistake, not our crash
			root, found = nil, []Mistake{wrongAt(Place{1, 1}, "write plain YAML 1.2", "cannot be read as YAML")}
		}
	}()
	if m := checkBytes(data, f); m != nil {
		return nil, []Mistake{*m}
	}
	tokens := lexer.Tokenize(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if found := checkTokens(tokens, f); len(found) > 0 {
		return nil, found
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // decode tells of each duplicate, with its place
	if err != nil {
		return nil, []Mistake{syntaxMistake(err)}
	}
	return document(file, f)
}

func checkBytes(data []byte, f form) *Mistake {
	var m Mistake
	switch at := bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }); {
	case len(data) > f.limit:
		m = wrongAt(Place{1, 1}, f.larger, "the file is longer than %d KiB", f.limit>>10)
	case !utf8.Valid(data):
		m = wrongAt(Place{1, 1}, "save it as UTF-8", "the file is not UTF-8")
	case at >= 0:
		m = wrongAt(Place{1 + bytes.Count(data[:at], []byte("\n")), 1}, "write plain text", "has a control character")
	default:
		return nil
	}
	return &m
}

// checkTokens refuses what plans do without, and what would be too deep or too much.
func checkTokens(tokens token.Tokens, f form) []Mistake {
	var found []Mistake
	refused := map[token.Type]string{
		token.AnchorType: "an anchor", token.AliasType: "an alias", token.MergeKeyType: "a merge key",
		token.TagType: "a tag", token.DirectiveType: "a directive",
	}
	depth, keys, line, onLine := 0, 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, onLine = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.MappingValueType:
			keys++
		case token.SequenceEntryType, token.MappingKeyType:
			onLine++
		}
		if what := refused[tk.Type]; what != "" && len(found) < maxMistakes {
			found = append(found, wrongAt(placeOf(tk), "write out what it stands for", "%s is not read in %ss", what, f.name))
		}
		if depth > maxDepth || onLine > maxDepth || keys > maxKeys || tk.Position.IndentNum > 20*maxDepth {
			return []Mistake{wrongAt(placeOf(tk), "a "+f.name+" has no need of it", "is nested deeper than %d levels, or has more than %d keys", maxDepth, maxKeys)}
		}
	}
	return found
}

func document(file *ast.File, f form) (ast.Node, []Mistake) {
	if len(file.Docs) > 1 {
		at := Place{1, 1}
		if start := file.Docs[1].Start; start != nil {
			at = placeOf(start)
		}
		return nil, []Mistake{wrongAt(at, "write one file a launch", "the file holds more than one document")}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.CommentType {
		return nil, []Mistake{wrongAt(Place{1, 1}, f.begin, "the %s is empty", f.name)}
	}
	return file.Docs[0].Body, nil
}

func syntaxMistake(err error) Mistake {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return wrongAt(Place{1, 1}, "write plain YAML 1.2", "cannot be read as YAML: %s", firstLine(err.Error()))
	}
	return wrongAt(placeOf(syntax.Token), "mend the syntax first; what else is wrong shows then", "%s", firstLine(syntax.Message))
}

func wrongAt(at Place, hint, format string, args ...any) Mistake {
	return Mistake{Mistake: rampart.Mistake{Msg: fmt.Sprintf(format, args...), Hint: hint}, Place: at}
}

func placeOf(tk *token.Token) Place {
	if tk == nil || tk.Position == nil {
		return Place{1, 1}
	}
	return Place{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
