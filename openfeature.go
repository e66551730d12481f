package rampart

// Variant returns the name of the value that is served: on or off, or nothing where
// it is the caller's default.
func (d Decision) Variant() string {
	switch {
	case d.Reason.Default():
		return ""
	case d.On:
		return ArmOn.String()
	}
	return ArmOff.String()
}

// standard says each reason in the words of OpenFeature's specification, and the
// error that it is there, if any. A flag that is off because its guard is gone, or
// because the reader is too old for it, is as good as disabled: its value is served,
// so it is no error.
var standard = [...]struct{ reason, code string }{
	ReasonDefault:         {"ERROR", "PROVIDER_NOT_READY"},
	ReasonUnknownFlag:     {"ERROR", "FLAG_NOT_FOUND"},
	ReasonRemoved:         {"ERROR", "FLAG_NOT_FOUND"},
	ReasonNoUnit:          {"ERROR", "TARGETING_KEY_MISSING"},
	ReasonWrongType:       {"ERROR", "TYPE_MISMATCH"},
	ReasonKilled:          {reason: "DISABLED"},
	ReasonLeaseEnded:      {reason: "DISABLED"},
	ReasonUnsupportedRule: {reason: "DISABLED"},
	ReasonHeldOut:         {reason: "DEFAULT"},
	ReasonIncluded:        {reason: "TARGETING_MATCH"},
	ReasonNotEligible:     {reason: "DEFAULT"},
	ReasonNotInLayer:      {reason: "DEFAULT"},
	ReasonOff:             {reason: "STATIC"},
	ReasonSplit:           {reason: "SPLIT"},
	ReasonFull:            {reason: "STATIC"},
	ReasonCarried:         {reason: "TARGETING_MATCH"},
}

// Standard returns the reason as OpenFeature's specification names it.
func (r Reason) Standard() string {
	if int(r) < len(standard) {
		return standard[r].reason
	}
	return "UNKNOWN"
}

// ErrorCode returns the error code of OpenFeature's specification, or nothing where
// the flag's own value is served.
func (r Reason) ErrorCode() string {
	if int(r) < len(standard) {
		return standard[r].code
	}
	return ""
}
