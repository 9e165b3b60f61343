package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"

	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// Kinds of errors about credentials.
var (
	// ErrUserInfoAlreadySet: both a UserInfoHandler and a user or password are set.
	ErrUserInfoAlreadySet error = kind.New("troupe: cannot set user info callback and user/pass", ErrInvalidArg)
	// ErrTokenAlreadySet: both a TokenHandler and a token are set.
	ErrTokenAlreadySet error = kind.New("troupe: token and token handler both set", ErrInvalidArg)
	// ErrNoUserCB: UserJWT has no callback for the JWT.
	ErrNoUserCB error = kind.New("troupe: user callback not defined", ErrInvalidArg)
	// ErrUserButNoSigCB: there is a callback for the JWT but none for the signature.
	ErrUserButNoSigCB error = kind.New("troupe: user callback defined without a signature handler", ErrInvalidArg)
	// ErrNkeyButNoSigCB: there is an nkey but no callback for the signature.
	ErrNkeyButNoSigCB error = kind.New("troupe: nkey defined without a signature handler", ErrInvalidArg)
	// ErrNkeyAndUser: both an nkey and a callback for a JWT are set.
	ErrNkeyAndUser error = kind.New("troupe: user callback and nkey defined", ErrInvalidArg)
	// ErrNkeysNotSupported: an nkey is set, but the server has sent no nonce to sign. It is
	// fatal for the link.
	ErrNkeysNotSupported error = kind.New("troupe: nkeys not supported by the server").In(kind.Server)
)

// AuthorizationError is a server's refusal of the client's credentials, with the server's
// text. It is an ErrAuthorization, or a more specific kind below it.
type AuthorizationError = actors.AuthorizationError

// Callbacks for credentials. They are called on a goroutine of their own at every
// attempt to connect, so that they can return renewed credentials, and may block for up
// to Timeout. After that, and after a panic, an error or an unusable result, the attempt
// fails with ErrCallbackFailed. The next attempt follows as after any other failure, even
// if the earlier call still blocks.
type (
	// UserInfoCB returns user and password. If both are empty there are none, which is
	// an error if the server requires credentials.
	UserInfoCB func() (user, password string)
	// AuthTokenHandler returns a token. Empty means none, which is an error if the
	// server requires credentials.
	AuthTokenHandler func() string
	// UserJWTHandler returns the user's JWT.
	UserJWTHandler func() (string, error)
	// SignatureHandler signs the nonce of a server with the user's key and returns the
	// signature, not encoded. It may be empty if the JWT needs none.
	SignatureHandler func(nonce []byte) ([]byte, error)
)

// UserInfo sets user and password. Credentials in a server's address take precedence.
func UserInfo(user, password string) Option {
	return set(func(o *Options) { o.User, o.Password = user, password })
}

// UserInfoHandler sets the callback that returns user and password at every attempt.
// Credentials in a server's address take precedence. Together with UserInfo it is an
// ErrUserInfoAlreadySet. Nil removes it.
func UserInfoHandler(cb UserInfoCB) Option { return set(func(o *Options) { o.UserInfo = cb }) }

// Token sets an authentication token. Credentials in a server's address take precedence. The
// token is also sent together with a user, nkey or JWT, because a server's auth callout may
// use it.
func Token(token string) Option { return set(func(o *Options) { o.Token = token }) }

// TokenHandler sets the callback that returns a token at every attempt. Together with Token,
// or with a token in a server's address, it is an ErrTokenAlreadySet. Nil removes it.
func TokenHandler(cb AuthTokenHandler) Option { return set(func(o *Options) { o.TokenHandler = cb }) }

// UserJWT sets the callbacks that return a user's JWT and sign a server's nonce at every
// attempt. userCB is also called at once, so that Connect returns a mistake as an
// ErrCallbackFailed. If a callback is missing, the error is ErrNoUserCB or ErrUserButNoSigCB;
// together with Nkey it is ErrNkeyAndUser. The JWT is sent to every server, in addition to
// the credentials in its address.
func UserJWT(userCB UserJWTHandler, sigCB SignatureHandler) Option {
	return func(o *Options) error {
		if userCB == nil {
			return &InvalidArgError{Kind: ErrNoUserCB, What: "option UserJWT", Reason: "has no callback for the JWT"}
		}
		if sigCB == nil {
			return &InvalidArgError{Kind: ErrUserButNoSigCB, What: "option UserJWT", Reason: "has no callback for the signature"}
		}
		ctx, cancel := o.bounded()
		defer cancel()
		if _, err := askJWT(ctx, userCB); err != nil {
			return err
		}
		o.UserJWT, o.SignatureCB = userCB, sigCB
		return nil
	}
}

// UserCredentials uses the JWT and the seed in a credentials file, or the JWT in the first
// file and the seed in the second. A leading tilde and environment variables in the paths are
// expanded. The files are read at once, so that Connect returns a mistake as an
// ErrInvalidUserCredentials, and again at every attempt, so that they can be replaced. A seed
// of another user than the JWT's is a mistake, except with a bearer JWT. If the JWT has
// expired, attempts fail until the file has a new one. What was read is wiped after use.
func UserCredentials(userOrChainedFile string, seedFiles ...string) Option {
	user := credentials{by: "UserCredentials", file: true, path: userOrChainedFile}
	if len(seedFiles) > 0 {
		return user.option(credentials{by: user.by, file: true, path: seedFiles[0]})
	}
	return user.option(user)
}

// UserCredentialBytes is UserCredentials with the contents of the files, which are copied.
func UserCredentialBytes(userOrChainedFileBytes []byte, seedFiles ...[]byte) Option {
	user := credentials{by: "UserCredentialBytes", inline: bytes.Clone(userOrChainedFileBytes)}
	if len(seedFiles) > 0 {
		return user.option(credentials{by: user.by, inline: bytes.Clone(seedFiles[0])})
	}
	return user.option(user)
}

// UserJWTAndSeed is UserCredentials with the JWT and the seed themselves instead of files.
func UserJWTAndSeed(jwt, seed string) Option {
	user := credentials{by: "UserJWTAndSeed", inline: []byte(jwt)}
	return user.option(credentials{by: user.by, inline: []byte(seed)})
}

// option uses the JWT in c and the seed in seed. It first checks that both belong to the same
// user, unless the JWT needs no signature.
func (c credentials) option(seed credentials) Option {
	return func(o *Options) error {
		_, claims, err := c.claimed()
		if err != nil {
			return err
		}
		public, err := seed.publicKey()
		if err != nil {
			return err
		}
		if public != claims.Subject && !claims.NATS.Bearer {
			return seed.bad("not the JWT's", nil)
		}
		o.UserJWT, o.SignatureCB = c.jwt, seed.sign
		return nil
	}
}

// Nkey sets a user's public key, and the callback that signs a server's nonce at every
// attempt. Credentials in a server's address take precedence. It is an ErrNkeyButNoSigCB
// without sigCB, an ErrNkeyAndUser together with UserJWT, and an ErrInvalidArg if pubKey is
// not a user's public key. With a server that sends no nonce, an attempt fails with
// ErrNkeysNotSupported.
func Nkey(pubKey string, sigCB SignatureHandler) Option {
	return set(func(o *Options) { o.Nkey, o.SignatureCB = pubKey, sigCB })
}

// NkeyOptionFromSeed returns an Nkey option for a file with a user's seed. The path is
// expanded as for UserCredentials. The file is read at once, and again for each signature;
// what was read is wiped after use. The error is a *UserCredentialsError.
func NkeyOptionFromSeed(seedFile string) (Option, error) {
	seed := credentials{by: "NkeyOptionFromSeed", file: true, path: seedFile}
	public, err := seed.publicKey()
	if err != nil {
		return nil, err
	}
	return Nkey(public, seed.sign), nil
}

// checkAuth refuses credentials that contradict each other.
func (o *Options) checkAuth(servers []*url.URL) error {
	inAddress := false
	for _, server := range servers {
		token, _ := addressToken(server.User)
		inAddress = inAddress || token != ""
	}
	for _, c := range []struct {
		found        bool
		kind         error
		what, reason string
	}{
		{o.UserInfo != nil && (o.User != "" || o.Password != ""), ErrUserInfoAlreadySet, "UserInfoHandler", "is set together with a user or password"},
		{o.TokenHandler != nil && o.Token != "", ErrTokenAlreadySet, "TokenHandler", "is set together with a token"},
		{o.TokenHandler != nil && inAddress, ErrTokenAlreadySet, "TokenHandler", "is set together with a token in an address"},
		{o.UserJWT != nil && o.Nkey != "", ErrNkeyAndUser, "Nkey", "is set together with a JWT"},
		{o.UserJWT != nil && o.SignatureCB == nil, ErrUserButNoSigCB, "UserJWT", "has no callback for the signature"},
		{o.Nkey != "" && o.SignatureCB == nil, ErrNkeyButNoSigCB, "Nkey", "has no callback for the signature"},
		{o.Nkey != "" && !nkeys.IsValidPublicUserKey(o.Nkey), ErrInvalidArg, "Nkey", "is not a user's public key"},
	} {
		if c.found {
			return &InvalidArgError{Kind: c.kind, What: "option " + c.what, Reason: c.reason}
		}
	}
	return nil
}

// addressToken returns the token in an address: a user without a password.
func addressToken(user *url.Userinfo) (token string, ok bool) {
	if _, hasPassword := user.Password(); user == nil || hasPassword {
		return "", false
	}
	return user.Username(), true
}

// authenticate puts the credentials for one server into its CONNECT. Those in the
// server's address take precedence over the options, except for the JWT.
func (o *Options) authenticate(ctx context.Context, server *url.URL, info *protocol.Info, hello *protocol.Connect) error {
	if o.NoEcho && info.Proto < 1 {
		return ErrNoEchoNotSupported
	}
	if token, ok := addressToken(server.User); ok {
		hello.AuthToken = token
	} else if server.User != nil {
		hello.User = server.User.Username()
		hello.Password, _ = server.User.Password()
	} else if err := o.fromOptions(ctx, info, hello); err != nil {
		return err
	}
	if err := o.fromTokenHandler(ctx, info, hello); err != nil {
		return err
	}
	return o.sign(ctx, info, hello)
}

var (
	errNoAnswer    error = kind.New("it returned nothing, and the server requires credentials", ErrCallbackFailed)
	errNoSignature error = kind.New("it returned no signature", ErrCallbackFailed)
)

// fromOptions sets the credentials that an address may override.
func (o *Options) fromOptions(ctx context.Context, info *protocol.Info, hello *protocol.Connect) error {
	hello.User, hello.Password, hello.AuthToken, hello.Nkey = o.User, o.Password, o.Token, o.Nkey
	if hello.Nkey != "" && info.Nonce == "" {
		return ErrNkeysNotSupported
	}
	if o.UserInfo == nil {
		return nil
	}
	type login struct{ user, password string }
	answer, err := actors.Ask(ctx, "UserInfo", func() (login, error) {
		user, password := o.UserInfo()
		if user == "" && password == "" && info.AuthRequired {
			return login{}, errNoAnswer
		}
		return login{user, password}, nil
	})
	hello.User, hello.Password = answer.user, answer.password
	return err
}

func (o *Options) fromTokenHandler(ctx context.Context, info *protocol.Info, hello *protocol.Connect) (err error) {
	if o.TokenHandler == nil {
		return nil
	}
	if hello.AuthToken != "" {
		return ErrTokenAlreadySet
	}
	hello.AuthToken, err = actors.Ask(ctx, "TokenHandler", func() (string, error) {
		token := o.TokenHandler()
		if token == "" && info.AuthRequired {
			return "", errNoAnswer
		}
		return token, nil
	})
	return err
}

// sign adds the JWT, and the signature for it or for the nkey.
func (o *Options) sign(ctx context.Context, info *protocol.Info, hello *protocol.Connect) (err error) {
	if o.UserJWT != nil {
		if hello.JWT, err = askJWT(ctx, o.UserJWT); err != nil {
			return err
		}
	}
	if hello.JWT == "" && hello.Nkey == "" {
		return nil
	}
	signature, err := actors.Ask(ctx, "SignatureCB", func() ([]byte, error) {
		signature, err := o.SignatureCB([]byte(info.Nonce))
		if err == nil && len(signature) == 0 && hello.Nkey != "" {
			err = errNoSignature
		}
		return signature, err
	})
	hello.Signature = base64.RawURLEncoding.EncodeToString(signature)
	return err
}

// askJWT returns the result of cb if it looks like a JWT.
func askJWT(ctx context.Context, cb UserJWTHandler) (string, error) {
	return actors.Ask(ctx, "UserJWT", func() (string, error) {
		token, err := cb()
		if err == nil {
			err = checkJWT(token)
		}
		return token, err
	})
}
