package micro_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/micro"
	"github.com/troupe-go/troupe/supervisor"
)

// kindAnswers lists every exported kind. A new one must be added here, so that its author
// decides what a program should do about it.
var kindAnswers = map[string]errortest.Verdict{
	"ErrConfigValidation":    errortest.Says(micro.ErrConfigValidation, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrInvalidName":         errortest.Says(micro.ErrInvalidName, api.CategoryInput, "", micro.ErrConfigValidation),
	"ErrInvalidVersion":      errortest.Says(micro.ErrInvalidVersion, api.CategoryInput, "", micro.ErrConfigValidation),
	"ErrInvalidSubject":      errortest.Says(micro.ErrInvalidSubject, api.CategoryInput, "", micro.ErrConfigValidation, api.ErrBadSubject),
	"ErrHandlerRequired":     errortest.Says(micro.ErrHandlerRequired, api.CategoryInput, "", micro.ErrConfigValidation, api.ErrInvalidCallback),
	"ErrEndpointExists":      errortest.Says(micro.ErrEndpointExists, api.CategoryInput, "", micro.ErrConfigValidation),
	"ErrVerbNotSupported":    errortest.Says(micro.ErrVerbNotSupported, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrServiceNameRequired": errortest.Says(micro.ErrServiceNameRequired, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrArgRequired":         errortest.Says(micro.ErrArgRequired, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrInvalidCode":         errortest.Says(micro.ErrInvalidCode, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrMarshalResponse":     errortest.Says(micro.ErrMarshalResponse, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrAlreadyResponded":    errortest.Says(micro.ErrAlreadyResponded, api.CategoryInput, ""),
	"ErrRespond":             errortest.Says(micro.ErrRespond, api.CategoryConnection, "sent"),
	"ErrServiceStopped":      errortest.Says(micro.ErrServiceStopped, api.CategoryClosed, ""),
	"ErrStopTimeout":         errortest.Says(micro.ErrStopTimeout, api.CategoryTimeout, "", api.ErrTimeout, context.DeadlineExceeded),
	"ErrEndpointNotFound":    errortest.Says(micro.ErrEndpointNotFound, api.CategoryNotFound, ""),
	"ErrBadResponse":         errortest.Says(micro.ErrBadResponse, api.CategoryProtocol, ""),
	"ErrService":             errortest.Says(micro.ErrService, api.CategoryServer, "sent"),
	"ErrBadRequest":          errortest.Says(micro.ErrBadRequest, api.CategoryInput, "sent", micro.ErrService),
	"ErrUnauthorized":        errortest.Says(micro.ErrUnauthorized, api.CategoryPermission, "sent", micro.ErrService),
	"ErrNotFound":            errortest.Says(micro.ErrNotFound, api.CategoryNotFound, "sent", micro.ErrService),
	"ErrConflict":            errortest.Says(micro.ErrConflict, api.CategoryConflict, "sent", micro.ErrService),
	"ErrOverloaded":          errortest.Says(micro.ErrOverloaded, api.CategoryLimit, "retry sent", micro.ErrService),
	"ErrInternal":            errortest.Says(micro.ErrInternal, api.CategoryServer, "sent", micro.ErrService),
	"ErrUnavailable":         errortest.Says(micro.ErrUnavailable, api.CategoryUnavailable, "retry sent", micro.ErrService),
	"ErrInterrupted":         errortest.Says(micro.ErrInterrupted, api.CategoryUnavailable, "retry sent", micro.ErrUnavailable, micro.ErrService),
	"ErrDeadlineExceeded":    errortest.Says(micro.ErrDeadlineExceeded, api.CategoryTimeout, "retry sent", micro.ErrService),
	"ErrExpired":             errortest.Says(micro.ErrExpired, api.CategoryTimeout, "retry", micro.ErrDeadlineExceeded),
}

// dataAnswers lists every exported type of error, with what it says for what is in it.
var dataAnswers = map[string][]errortest.Verdict{
	"ConfigError":      {errortest.Says(&micro.ConfigError{Field: "name", Value: "my service", Reason: "has a blank", Err: micro.ErrInvalidName}, api.CategoryInput, "", micro.ErrInvalidName)},
	"CodeError":        {errortest.Says(&micro.CodeError{Code: "a:b", Reason: "has a colon", Err: micro.ErrInvalidCode}, api.CategoryInput, "", micro.ErrInvalidCode)},
	"ServiceError":     {errortest.Says(micro.NewServiceErrorCode(429, "the kitchen is full"), api.CategoryLimit, "retry sent", micro.ErrOverloaded)},
	"NATSError":        {errortest.Says(&micro.NATSError{Subject: "orders.new", Description: "no such item"}, api.CategoryUnknown, "sent")},
	"StopTimeoutError": {errortest.Says(&micro.StopTimeoutError{Report: micro.StopReport{Unfinished: []micro.UnfinishedEndpoint{{Name: "render", Subject: "render", InFlight: 2, Waiting: 5}}}, Cause: context.DeadlineExceeded}, api.CategoryTimeout, "", micro.ErrStopTimeout, context.DeadlineExceeded)},
	"DiscoveryError":   {errortest.Says(&micro.DiscoveryError{Subject: "$SRV.PING", Causes: []error{micro.ErrBadResponse}}, api.CategoryProtocol, "", micro.ErrBadResponse)},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{Package: "micro", Kinds: kindAnswers, All: micro.Kinds, Data: dataAnswers}.Check(t)
}

// TestAnsweredOrNot: which answers say that a service is ill, so that a breaker counts them.
func TestAnsweredOrNot(t *testing.T) {
	for code, want := range map[string]supervisor.BreakerOutcome{
		"400": supervisor.BreakerAnswered, "401": supervisor.BreakerAnswered, "404": supervisor.BreakerAnswered, "402": supervisor.BreakerAnswered,
		"410": supervisor.BreakerAnswered, "418": supervisor.BreakerAnswered, "1": supervisor.BreakerAnswered, "OUT_OF_STOCK": supervisor.BreakerAnswered,
		micro.CodeExpired: supervisor.BreakerAnswered, micro.CodeValidation: supervisor.BreakerAnswered,
		"429": supervisor.BreakerFailure, "500": supervisor.BreakerFailure, "501": supervisor.BreakerFailure, "503": supervisor.BreakerFailure,
		"504": supervisor.BreakerFailure, micro.CodeInternal: supervisor.BreakerFailure, micro.CodeOverloaded: supervisor.BreakerFailure,
	} {
		if got := (supervisor.BreakerPolicy{}).Outcome(fmt.Errorf("asking: %w", micro.NewServiceError(code, "text"))); got != want {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	var none *micro.ServiceError
	if none.Answered() {
		t.Error("none has answered")
	}
}

// TestCodes: which kind an answer belongs to, by its number or its symbol.
func TestCodes(t *testing.T) {
	for code, want := range map[string]error{
		"400": micro.ErrBadRequest, "422": micro.ErrBadRequest, "401": micro.ErrUnauthorized, "403": micro.ErrUnauthorized,
		"404": micro.ErrNotFound, "409": micro.ErrConflict, "429": micro.ErrOverloaded, "500": micro.ErrInternal,
		"503": micro.ErrUnavailable, "504": micro.ErrDeadlineExceeded, "418": micro.ErrBadRequest, "599": micro.ErrInternal, "1": micro.ErrService, "OUT_OF_STOCK": micro.ErrService,
		micro.CodeValidation: micro.ErrBadRequest, micro.CodeUnauthorized: micro.ErrUnauthorized, micro.CodeBusinessLogic: micro.ErrBadRequest,
		micro.CodeRateLimited: micro.ErrOverloaded, micro.CodeInternal: micro.ErrInternal, micro.CodeDeadlineExceeded: micro.ErrDeadlineExceeded,
		micro.CodeExpired: micro.ErrService, micro.CodeOverloaded: micro.ErrOverloaded, micro.CodeUnavailable: micro.ErrUnavailable,
		micro.CodeInterrupted: micro.ErrInterrupted, micro.CodeBadRequest: micro.ErrBadRequest,
	} {
		err := micro.NewServiceError(code, "text")
		n, numeric := err.NumericCode()
		if err.Unwrap() != want || err.Error() != code+": text" || numeric != (fmt.Sprint(n) == code) || err.Validate() != nil {
			t.Errorf("%s: %v, %d %v", code, err.Unwrap(), n, numeric)
		}
	}
	var none *micro.ServiceError
	if none.Error() == "" || errors.Is(none, micro.ErrService) || errors.Is(none, none) && none.Validate() == nil {
		t.Errorf("nil: %v", none)
	}
}
