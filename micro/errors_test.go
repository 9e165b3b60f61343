package micro_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/micro"
)

// verdict is what an error has to say of itself.
type verdict struct {
	err      error
	category api.Category
	traits   string // "retry", "sent", both, or neither
	parents  []error
}

func (a verdict) check(t *testing.T) {
	t.Helper()
	errortest.Check(t, a.err, errortest.Want{Category: a.category, Traits: a.traits, Parents: a.parents})
}

func under(parents ...error) []error { return parents }

// kindAnswers lists every exported kind. A new one has to be added here: somebody has to
// think about what a program is to do.
var kindAnswers = map[string]verdict{
	"ErrConfigValidation":    {micro.ErrConfigValidation, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrInvalidName":         {micro.ErrInvalidName, api.CategoryInput, "", under(micro.ErrConfigValidation)},
	"ErrInvalidVersion":      {micro.ErrInvalidVersion, api.CategoryInput, "", under(micro.ErrConfigValidation)},
	"ErrInvalidSubject":      {micro.ErrInvalidSubject, api.CategoryInput, "", under(micro.ErrConfigValidation, api.ErrBadSubject)},
	"ErrHandlerRequired":     {micro.ErrHandlerRequired, api.CategoryInput, "", under(micro.ErrConfigValidation, api.ErrInvalidCallback)},
	"ErrEndpointExists":      {micro.ErrEndpointExists, api.CategoryInput, "", under(micro.ErrConfigValidation)},
	"ErrVerbNotSupported":    {micro.ErrVerbNotSupported, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrServiceNameRequired": {micro.ErrServiceNameRequired, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrArgRequired":         {micro.ErrArgRequired, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrInvalidCode":         {micro.ErrInvalidCode, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrMarshalResponse":     {micro.ErrMarshalResponse, api.CategoryInput, "", under(api.ErrInvalidArg)},
	"ErrAlreadyResponded":    {micro.ErrAlreadyResponded, api.CategoryInput, "", nil},
	"ErrRespond":             {micro.ErrRespond, api.CategoryConnection, "sent", nil},
	"ErrServiceStopped":      {micro.ErrServiceStopped, api.CategoryClosed, "", nil},
	"ErrStopTimeout":         {micro.ErrStopTimeout, api.CategoryTimeout, "", under(api.ErrTimeout, context.DeadlineExceeded)},
	"ErrEndpointNotFound":    {micro.ErrEndpointNotFound, api.CategoryNotFound, "", nil},
	"ErrBadResponse":         {micro.ErrBadResponse, api.CategoryProtocol, "", nil},
	"ErrService":             {micro.ErrService, api.CategoryServer, "sent", nil},
	"ErrBadRequest":          {micro.ErrBadRequest, api.CategoryInput, "", under(micro.ErrService)},
	"ErrUnauthorized":        {micro.ErrUnauthorized, api.CategoryPermission, "", under(micro.ErrService)},
	"ErrNotFound":            {micro.ErrNotFound, api.CategoryNotFound, "", under(micro.ErrService)},
	"ErrConflict":            {micro.ErrConflict, api.CategoryConflict, "", under(micro.ErrService)},
	"ErrOverloaded":          {micro.ErrOverloaded, api.CategoryLimit, "retry", under(micro.ErrService)},
	"ErrInternal":            {micro.ErrInternal, api.CategoryServer, "sent", under(micro.ErrService)},
	"ErrUnavailable":         {micro.ErrUnavailable, api.CategoryUnavailable, "retry", under(micro.ErrService)},
	"ErrInterrupted":         {micro.ErrInterrupted, api.CategoryUnavailable, "retry sent", under(micro.ErrUnavailable, micro.ErrService)},
	"ErrDeadlineExceeded":    {micro.ErrDeadlineExceeded, api.CategoryTimeout, "retry sent", under(micro.ErrService)},
	"ErrExpired":             {micro.ErrExpired, api.CategoryTimeout, "retry", under(micro.ErrDeadlineExceeded)},
}

// dataAnswers lists every exported type of error, with what it says for what is in it.
var dataAnswers = map[string]verdict{
	"ConfigError":      {&micro.ConfigError{Field: "name", Err: micro.ErrInvalidName}, api.CategoryInput, "", under(micro.ErrInvalidName)},
	"CodeError":        {&micro.CodeError{Err: micro.ErrInvalidCode}, api.CategoryInput, "", under(micro.ErrInvalidCode)},
	"ServiceError":     {micro.NewServiceErrorCode(429, "full"), api.CategoryLimit, "retry", under(micro.ErrOverloaded)},
	"NATSError":        {&micro.NATSError{Subject: "a", Description: "b"}, api.CategoryUnknown, "sent", nil},
	"StopTimeoutError": {&micro.StopTimeoutError{Cause: context.DeadlineExceeded}, api.CategoryTimeout, "", under(micro.ErrStopTimeout, context.DeadlineExceeded)},
	"DiscoveryError":   {&micro.DiscoveryError{Causes: []error{micro.ErrBadResponse}}, api.CategoryProtocol, "", under(micro.ErrBadResponse)},
}

// TestKindsAnswer: every kind, and every type, is listed above and says what stands there.
func TestKindsAnswer(t *testing.T) {
	kinds, data := errortest.Declared(t, ".")
	kinds = slices.DeleteFunc(kinds, func(name string) bool { return strings.HasSuffix(name, "Header") })
	errortest.Compare(t, "kinds", kinds, slices.Collect(maps.Keys(kindAnswers)))
	errortest.Compare(t, "types", data, slices.Collect(maps.Keys(dataAnswers)))
	for name, want := range kindAnswers {
		t.Run(name, func(t *testing.T) {
			want.check(t)
			if strings.Count(want.err.Error(), "troupe") != 1 {
				t.Errorf("its text is %q", want.err)
			}
		})
	}
	for name, want := range dataAnswers {
		t.Run(name, want.check)
	}
}

// TestCodes: which kind an answer belongs to, by its number or its symbol.
func TestCodes(t *testing.T) {
	for code, want := range map[string]error{
		"400": micro.ErrBadRequest, "422": micro.ErrBadRequest, "401": micro.ErrUnauthorized, "403": micro.ErrUnauthorized,
		"404": micro.ErrNotFound, "409": micro.ErrConflict, "429": micro.ErrOverloaded, "500": micro.ErrInternal,
		"503": micro.ErrUnavailable, "504": micro.ErrDeadlineExceeded, "418": micro.ErrService, "OUT_OF_STOCK": micro.ErrService,
		micro.CodeValidation: micro.ErrBadRequest, micro.CodeUnauthorized: micro.ErrUnauthorized, micro.CodeBusinessLogic: micro.ErrBadRequest,
		micro.CodeRateLimited: micro.ErrOverloaded, micro.CodeInternal: micro.ErrInternal, micro.CodeDeadlineExceeded: micro.ErrDeadlineExceeded,
		micro.CodeExpired: micro.ErrExpired, micro.CodeOverloaded: micro.ErrOverloaded, micro.CodeUnavailable: micro.ErrUnavailable,
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
