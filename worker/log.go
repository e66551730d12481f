package worker

import (
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart"
)

// newLog returns the log of a process, on stderr.
func newLog(c Config) (*zap.Logger, error) {
	if c.Log != nil {
		return c.Log, nil
	}
	level, err := zap.ParseAtomicLevel(c.LogLevel)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "%q is no level of the log", c.LogLevel)
	}
	z := zap.NewProductionConfig()
	z.Level = level
	z.DisableCaller = true // most lines come by way of the SDK, whose place in its code says nothing
	z.DisableStacktrace = true
	z.EncoderConfig.TimeKey = "time"
	z.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	if c.LogFormat == LogConsole {
		z.Encoding = "console"
		z.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	}
	l, err := z.Build()
	if err != nil {
		return nil, rampart.Errorf(rampart.Unexpected, "the log cannot be written").Because(err)
	}
	return l, nil
}

// sdkLog hands what the SDK logs to the process's log.
type sdkLog struct{ to *zap.SugaredLogger }

var (
	_ log.Logger     = sdkLog{}
	_ log.WithLogger = sdkLog{}
)

// failedActivity is the SDK's line about a failed activity. The interceptor of this
// package tells the same, with more.
const failedActivity = "Activity error."

func (l sdkLog) Debug(msg string, fields ...any) { l.to.Debugw(msg, fields...) }
func (l sdkLog) Info(msg string, fields ...any)  { l.to.Infow(msg, fields...) }
func (l sdkLog) Warn(msg string, fields ...any)  { l.to.Warnw(msg, fields...) }
func (l sdkLog) Error(msg string, fields ...any) {
	if msg != failedActivity {
		l.to.Errorw(msg, fields...)
	}
}

// With implements log.WithLogger.
func (l sdkLog) With(fields ...any) log.Logger { return sdkLog{l.to.With(fields...)} }
