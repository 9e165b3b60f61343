package errortest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Class is an error class of NATS clients that have classes, with the error of this module that
// corresponds to it.
type Class struct {
	Name    string // "NoServersError"
	Package string // "api"
	Error   string // "ErrNoServers"
}

// Classes returns all classes. In the lists, an error whose name does not follow from that of
// the class comes after it.
func Classes() []Class {
	return slices.Concat(
		classes("api", "Error Error, ConnectionClosedError, TimeoutError, NoRespondersError, StaleConnectionError, OutboundBufferLimitError, "+
			"UnexpectedEOF, FlushTimeoutError, SecureConnRequiredError, SecureConnWantedError, SecureConnFailedError, AuthorizationError, "+
			"NoServersError, ProtocolError, MaxPayloadError, BadSubscriptionError, BadSubjectError, SlowConsumerError, "+
			"InvalidCallbackTypeError ErrInvalidCallback, BadTimeoutError, DrainTimeoutError, ConnectionDrainingError, "+
			"ConnectionReconnectingError, InvalidUserCredentialsError, JsonParseError ErrJSONParse"),
		classes("jetstream", "Error ErrJetStream, APIError ErrAPI, ServiceUnavailableError, ServerError, NotFoundError, BadRequestError, "+
			"NoStreamResponseError, TooManyStalledMsgsError, FetchTimeoutError, ConsumerSequenceMismatchError"),
		classes("kv", "BucketNotFoundError, BadBucketError, KeyValueError, KeyDeletedError, KeyNotFoundError, KeyWrongLastSequenceError, "+
			"NoKeysError, KeyHistoryTooLargeError, InvalidKeyError, InvalidBucketNameError"),
		classes("objectstore", "InvalidObjectNameError, BadObjectMetaError, LinkIsABucketError, DigestMismatchError, ObjectNotFoundError, "+
			"ObjectDeletedError, ObjectAlreadyExists"),
		classes("micro", "ServiceError"),
	)
}

// classes reads a list of names: that of a class, and that of the error if it does not follow
// from it.
func classes(pkg, list string) (all []Class) {
	for _, names := range strings.Split(list, ", ") {
		name, err, ok := strings.Cut(names, " ")
		if !ok {
			err = "Err" + strings.TrimSuffix(name, "Error")
		}
		all = append(all, Class{name, pkg, err})
	}
	return all
}

// test returns the name of the test that provokes the class.
func (c Class) test() string {
	if c.Name == "Error" {
		return "TestErrorOf" + strings.ToUpper(c.Package[:1]) + c.Package[1:]
	}
	return "TestError" + strings.TrimSuffix(c.Name, "Error")
}

// classOf returns the class of an error of a package; empty for none.
func classOf(pkg, name string) string {
	for _, c := range Classes() {
		if c.Package == pkg && c.Error == name {
			return c.Name
		}
	}
	return ""
}

// CheckClasses finds classes without a test that is named after them, and compares the list of
// classes in docs/ERRORS.md. root is the path to the module's root.
func CheckClasses(t testing.TB, root string) {
	t.Helper()
	var s strings.Builder
	s.WriteString("\n| class | error | provoked by |\n| --- | --- | --- |\n")
	for _, c := range Classes() {
		file := testFile(t, filepath.Join(root, c.Package), c.test())
		if file == "" {
			t.Errorf("no test %s in package %s provokes %s", c.test(), c.Package, c.Name)
		}
		fmt.Fprintf(&s, "| %s | `%s.%s` | [%s](../%s/%s) |\n", c.Name, c.Package, c.Error, c.test(), c.Package, file)
	}
	s.WriteString("\n")
	CheckPage(t, root, "classes", s.String())
}

// testFile returns the name of the file in a directory that has the test; empty for none.
func testFile(t testing.TB, dir, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if head.Match(text) {
			return filepath.Base(file)
		}
	}
	return ""
}
