package main

import (
	"fmt"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger logs to standard error. The function it returns silences the log.
func newLogger(level, format string) (log.Logger, func(), error) {
	if level == "never" {
		return log.NewNoopLogger(), func() {}, nil
	}
	atLeast, err := zap.ParseAtomicLevel(level)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("--log-level %s: %w", level, err)}
	}
	settings := zap.Config{
		Level:            atLeast,
		EncoderConfig:    log.DefaultZapEncoderConfig,
		OutputPaths:      []string{"stderr"},
		ErrorOutputPaths: []string{"stderr"},
	}
	switch format {
	case "json":
		settings.Encoding = "json"
	case "text", "pretty":
		settings.Encoding = "console"
	default:
		return nil, nil, usageError{fmt.Errorf("--log-format %s: it is text, pretty or json", format)}
	}
	logger, err := settings.Build(zap.WithCaller(false))
	if err != nil {
		return nil, nil, fmt.Errorf("build the logger: %w", err)
	}
	return log.NewZapLogger(logger), func() { atLeast.SetLevel(zapcore.FatalLevel) }, nil
}
