package api

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/troupe-go/troupe/protocol"
)

// TestATokenInALaterAddress: addresses can also be added after Connect.
func TestATokenInALaterAddress(t *testing.T) {
	o := Options{TokenHandler: func() string { return "t" }}
	for _, c := range []struct {
		user *url.Userinfo
		want protocol.Connect
		err  error
	}{
		{nil, protocol.Connect{AuthToken: "t"}, nil},
		{url.UserPassword("u", ""), protocol.Connect{User: "u", AuthToken: "t"}, nil},
		{url.User("other"), protocol.Connect{AuthToken: "other"}, ErrTokenAlreadySet},
	} {
		var hello protocol.Connect
		err := o.authenticate(context.Background(), &url.URL{Host: "h", User: c.user}, &protocol.Info{}, &hello)
		if hello != c.want || !errors.Is(err, c.err) {
			t.Errorf("for %v: %+v, %v", c.user, hello, err)
		}
	}
}
