package web_test

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

var picture = flag.String("picture", "", "file that gets a picture of the shop before and after a kill: ../../docs/images/shop.png")

// openShop runs the shop of the example beside a console, and returns its address.
func openShop(t testing.TB) (w *world, url string) {
	t.Helper()
	port, err := child.FreePort()
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	w, url = newWorld(t, "http://"+address), "http://"+address
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(w.Browser), 0o600))
	w.run(shopProgram, "--redis", w.redis, "--env", environment, "--listen", address, "--failures", "0",
		"--console", w.URL(), "--console-token-file", token)
	require.Eventually(t, func() bool {
		resp, err := http.Get(url + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, patience, tick, "the shop has flags")
	return w, url
}

// liveAt opens a page of the shop as somebody, and waits until it follows its flags.
func liveAt(t testing.TB, url, user, path string) *page {
	t.Helper()
	p := openPage(t, url+"/as?user="+user)
	p.do(chromedp.EmulateViewport(760, 640), chromedp.Navigate(url+path), chromedp.WaitVisible(chromedp.CSS(".live.is")))
	p.awaits("the event stream is open", func(_ []int64, events []string) bool { return len(events) > 0 })
	return p
}

// featureIsGone is so once the card has faded away.
const featureIsGone = `!document.querySelector(".feature").checkVisibility({ visibilityProperty: true })`

func TestFeatureVanishesFromAnOpenPageOfTheShop(t *testing.T) {
	w, url := openShop(t)
	p := liveAt(t, url, "eve", "/")
	p.do(chromedp.WaitVisible(chromedp.CSS(".feature .button")))
	require.Equal(t, "on SPLIT", p.badge())
	before := p.picture()

	w.kill("checkout-v2")
	p.until(featureIsGone)
	require.Equal(t, "off KILLED", p.badge())
	if *picture != "" {
		p.compose(*picture, before, p.picture())
	}
}

func TestPageThatIsTheFeatureMakesWayForTheOldOne(t *testing.T) {
	w, url := openShop(t)
	p := liveAt(t, url, "eve", "/checkout")
	p.do(chromedp.WaitVisible(chromedp.CSS("[data-new-checkout]")))
	w.kill("checkout-v2")
	p.do(chromedp.WaitVisible(chromedp.CSS(`form[action="/checkout/delivery"]`)))
}

func TestPageShowsThatItIsNotLiveWithoutItsConsole(t *testing.T) {
	w, url := openShop(t)
	p := liveAt(t, url, "eve", "/")
	w.crash()
	p.do(chromedp.WaitVisible(chromedp.CSS(".live:not(.is)")), chromedp.WaitVisible(chromedp.CSS(".feature .button")))
	w.start()
	w.kill("checkout-v2")
	p.until(featureIsGone)
	p.do(chromedp.WaitVisible(chromedp.CSS(".live.is")))
}

// until waits until a page shows something.
func (p *page) until(is string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](is))
	require.NoError(p.t, err, is)
}

// badge is what the footer says of the flag.
func (p *page) badge() string {
	p.t.Helper()
	return script[string](p, `[".badge", ".why"].map((part) => document.querySelector(part).textContent).join(" ")`)
}

// picture shows the page as a person sees it.
func (p *page) picture() []byte {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	return png
}

// compose puts two pictures beside each other into one file.
func (p *page) compose(file string, pictures ...[]byte) {
	p.t.Helper()
	var html strings.Builder
	html.WriteString(`<body style="margin:0;display:flex;gap:12px;background:#fff">`)
	for _, png := range pictures {
		fmt.Fprintf(&html, `<img width="760" src="data:image/png;base64,%s">`, base64.StdEncoding.EncodeToString(png))
	}
	p.do(chromedp.EmulateViewport(2*760+12, 640), chromedp.Navigate("data:text/html;base64,"+base64.StdEncoding.EncodeToString([]byte(html.String()))))
	require.NoError(p.t, os.WriteFile(file, p.picture(), 0o600))
}
