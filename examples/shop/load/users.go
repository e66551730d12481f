package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sort"
	"sync"

	"github.com/rampart-dev/rampart/examples/shop"
)

// users are the customers, and how eager each of them is.
type users struct {
	all   []*user
	until []float64 // the eagerness of a user and all before
}

// newUsers makes the same customers for the same seed. Eagerness is spread by a
// Pareto law with shape 2, cut at 20 times the least: the busiest hundredth of them
// make about a twelfth of all clicks.
func newUsers(o Options) *users {
	u := &users{}
	chance := rand.New(rand.NewPCG(o.Seed, 0)) // #nosec G404 -- chance, not a secret
	for i := range o.Users {
		u.add(fmt.Sprintf("user-%04d", i+1), min(1/math.Sqrt(1-chance.Float64()), 20))
	}
	for _, name := range o.Staff {
		u.add(name, 2) // the mean of that law
	}
	return u
}

func (u *users) add(name string, eagerness float64) {
	before := 0.0
	if n := len(u.until); n > 0 {
		before = u.until[n-1]
	}
	u.all = append(u.all, &user{name: name})
	u.until = append(u.until, before+eagerness)
}

// pick returns who clicks next.
func (u *users) pick(chance *rand.Rand) *user {
	at := chance.Float64() * u.until[len(u.until)-1]
	return u.all[sort.SearchFloat64s(u.until, at)]
}

// A user is one customer. Clicks of an eager one may overlap.
type user struct {
	name string

	mu      sync.Mutex
	version string // of the checkout that answered last
	step    int    // in ways
}

const orderPath = "/checkout/order"

// ways are the clicks of a purchase, by version. All begin alike.
var ways = map[string][]string{
	"":             {"/checkout"},
	shop.OnePage:   {"/checkout", orderPath},
	shop.ThreeStep: {"/checkout", "/checkout/delivery", "/checkout/payment", orderPath},
}

// next returns the customer's next click.
func (u *user) next() (method, path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	way := ways[u.version]
	if u.step == 0 || u.step >= len(way) {
		u.step = 0
		return http.MethodGet, way[0]
	}
	return http.MethodPost, way[u.step]
}

// went moves the customer on. Who saw an error tries the same again, and who was
// given another version begins anew.
func (u *user) went(version string, failed, restart bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch _, known := ways[version]; {
	case failed:
	case !known || restart || version != u.version && u.step > 0:
		u.step = 0
	default:
		u.version, u.step = version, u.step+1
	}
}
