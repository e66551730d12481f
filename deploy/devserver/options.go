package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"go.temporal.io/api/enums/v1"
)

// options is what the command line says.
type options struct {
	ip          string
	port        int
	uiPort      int // 0: port + 1000, as with the official binary
	metricsPort int // 0: any free port
	headless    bool

	dbFilename string // empty: in memory
	namespaces []string

	logLevel  string
	logFormat string

	searchAttributes map[string]enums.IndexedValueType
	dynamicConfig    map[string]any
	sqlitePragmas    map[string]string
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func parseArgs(args []string) (options, error) {
	opts := options{
		searchAttributes: map[string]enums.IndexedValueType{},
		dynamicConfig:    maps.Clone(defaultDynamicConfig),
		sqlitePragmas:    map[string]string{},
	}
	flags := opts.flagSet()
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" {
		return opts, usageError{errors.New(`the command line begins with "server start-dev"`)}
	}
	if err := flags.Parse(args[2:]); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return opts, err
	} else if err != nil {
		return opts, usageError{err}
	}
	if flags.NArg() > 0 {
		return opts, usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	if err := opts.settle(); err != nil {
		return opts, usageError{err}
	}
	return opts, nil
}

func (o *options) flagSet() *flag.FlagSet {
	flags := flag.NewFlagSet("server start-dev", flag.ContinueOnError)
	flags.SetOutput(discard{})
	flags.StringVar(&o.ip, "ip", "127.0.0.1", "loopback `address` to listen on")
	flags.IntVar(&o.port, "port", 7233, "`port` of the frontend")
	flags.IntVar(&o.uiPort, "ui-port", 0, "`port` of the Web UI (default: that of the frontend + 1000)")
	flags.IntVar(&o.metricsPort, "metrics-port", 0, "`port` of /metrics (default: any free one)")
	flags.BoolVar(&o.headless, "headless", false, "serve no Web UI")
	flags.StringVar(&o.dbFilename, "db-filename", "", "`file` that keeps the data (default: in memory)")
	flags.StringVar(&o.logLevel, "log-level", "warn", "debug, info, warn, error or never")
	flags.StringVar(&o.logFormat, "log-format", "text", "text, pretty or json")
	flags.Func("namespace", "`name` of a namespace to create besides default; may be repeated", func(name string) error {
		o.namespaces = append(o.namespaces, name)
		return nil
	})
	flags.Func("search-attribute", "`NAME=TYPE` of a search attribute of new namespaces; may be repeated", o.addSearchAttribute)
	flags.Func("dynamic-config-value", "`KEY=JSON` of the server's dynamic configuration; may be repeated", o.addDynamicConfig)
	flags.Func("sqlite-pragma", "`PRAGMA=VALUE` for the database; may be repeated", func(pair string) error {
		name, value, err := cutPair(pair)
		o.sqlitePragmas[name] = value
		return err
	})
	return flags
}

func (o *options) addSearchAttribute(pair string) error {
	name, kind, err := cutPair(pair)
	if err != nil {
		return err
	}
	valueType, err := enums.IndexedValueTypeFromString(kind)
	if err != nil || valueType == enums.INDEXED_VALUE_TYPE_UNSPECIFIED {
		return errors.New("the type is one of Text, Keyword, Int, Double, Bool, Datetime, KeywordList")
	}
	o.searchAttributes[name] = valueType
	return nil
}

func (o *options) addDynamicConfig(pair string) error {
	key, text, err := cutPair(pair)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("the value is not JSON: %w", err)
	}
	// The server's integer settings take int only, and JSON knows but float64.
	if number, ok := value.(float64); ok && number == float64(int(number)) {
		value = int(number)
	}
	o.dynamicConfig[key] = value
	return nil
}

// settle checks what concerns several flags, and fills in what depends on them.
func (o *options) settle() error {
	if o.ip == "localhost" {
		o.ip = "127.0.0.1" // The server wants an address.
	}
	if ip := net.ParseIP(o.ip); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--ip %s is no loopback address, and this server lets everybody in", o.ip)
	}
	if o.uiPort == 0 {
		o.uiPort = min(o.port+1000, 65535)
	}
	for name, port := range map[string]int{"port": o.port, "ui-port": o.uiPort, "metrics-port": o.metricsPort} {
		if port < 0 || port > 65535 || port == 0 && name == "port" {
			return fmt.Errorf("--%s %d is no port", name, port)
		}
	}
	if !slices.Contains(o.namespaces, "default") {
		o.namespaces = append(o.namespaces, "default")
	}
	return nil
}

func cutPair(pair string) (name, value string, err error) {
	name, value, found := strings.Cut(pair, "=")
	if !found || name == "" || value == "" {
		return "", "", fmt.Errorf("%q is not of the form NAME=VALUE", pair)
	}
	return name, value, nil
}

// discard keeps the flag package quiet: errors are printed once, by main.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
