// Package load is the customers of the shop: some thousands of them, always the
// same, who come by day more than by night, click their way through the checkout, and
// remember what they saw.
//
// A few of them click much more than the others, as in any shop. Each click is one
// request, and every customer is as likely to click whichever checkout they get: the
// versions differ in what they answer, not in how often they are asked.
package load
