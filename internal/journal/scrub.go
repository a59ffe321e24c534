package journal

import "regexp"

const removed = "[removed]"

var (
	jwtPattern    = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	bearerPattern = regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9._~+/=-]+`)
	// A polling URL's own signature (c, s, h) is not among these: it is what
	// makes the URL answer, and only together with a token.
	formPattern = regexp.MustCompile(`(?i)\b((?:client_secret|client_assertion|assertion|access_token|refresh_token|id_token|password|sig)=)[^&\s"'\\]+`)
	jsonPattern = regexp.MustCompile(`(?i)("(?:client_?secret|client_?assertion|access_?token|refresh_?token|id_?token|password|secret|secretText)"\s*:\s*)"(?:[^"\\]|\\.)*"`)
)

// scrub takes out what looks like a secret. Nothing that is written here should
// hold one; an error message of someone else's could.
func scrub(text string) string {
	text = jwtPattern.ReplaceAllString(text, removed)
	text = bearerPattern.ReplaceAllString(text, "${1}"+removed)
	text = formPattern.ReplaceAllString(text, "${1}"+removed)
	return jsonPattern.ReplaceAllString(text, `${1}"`+removed+`"`)
}
