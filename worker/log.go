package worker

import (
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/internal/logs"
)

// newLog returns the log of a process, on stderr.
func newLog(c Config) (*zap.Logger, error) {
	if c.Log != nil {
		return c.Log, nil
	}
	return logs.New(c.LogFormat, c.LogLevel)
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
