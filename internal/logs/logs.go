// Package logs makes the log of a process, so that all of ours write the same lines.
package logs

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/settings"
)

// The formats of the log.
const (
	JSON    = "json"
	Console = "console"
)

// Settings returns how the format and the level can be told.
func Settings(format, level *string) []settings.Setting {
	return []settings.Setting{
		{Flag: "log-format", Env: "RAMPART_LOG_FORMAT", Value: settings.Text(format, JSON), Meaning: "json or console"},
		{Flag: "log-level", Env: "RAMPART_LOG_LEVEL", Value: settings.Text(level, "info"), Meaning: "debug, info, warn or error"},
	}
}

// New returns a log on stderr.
func New(format, level string) (*zap.Logger, error) {
	at, err := zap.ParseAtomicLevel(level)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "%q is no level of the log", level).WithHint("it is debug, info, warn or error")
	}
	z := zap.NewProductionConfig()
	z.Level = at
	z.DisableCaller = true // most lines come by way of a library, whose place in its code says nothing
	z.DisableStacktrace = true
	z.EncoderConfig.TimeKey = "time"
	z.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	switch format {
	case JSON, "":
	case Console:
		z.Encoding = "console"
		z.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	default:
		return nil, rampart.Errorf(rampart.Invalid, "%q is no format of the log", format).WithHint("it is json or console")
	}
	l, err := z.Build()
	if err != nil {
		return nil, rampart.Errorf(rampart.Unexpected, "the log cannot be written").Because(err)
	}
	return l, nil
}
