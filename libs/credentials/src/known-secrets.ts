import { hash } from 'node:crypto';

/**
 * Whether a secret that is long enough is nevertheless no secret: it reads like a placeholder, or it is one of the keys
 * that tutorials, examples and public repositories hold (from the list wallarm/jwt-secrets, MIT).
 */
export function isKnownSecret(secret: string): boolean {
  return placeholder.test(secret) || published.has(shortDigest(secret));
}

const placeholder = /change.?(?:me|this|it)|password|passphrase|secret|example|placeholder|default|your.?key|insecure/i;

const digestBytes = 6;

function shortDigest(secret: string): string {
  return hash('sha256', secret, 'buffer').subarray(0, digestBytes).toString('base64');
}

/**
 * Of the list only what passes the rules on length and repetition, as the first 48 bits of SHA-256, sorted. Digests
 * because the texts are a megabyte, and because a file full of keys sets off every secret scanner. A random key is
 * taken for one of these once in 10^11.
 */
const digests =
  'AEptyBuBAH2whJcyAOD7Ye0oAOMsmQBIAb1CkHo8AchyNXvXAp2qovWqA242GsLaA52wpBovBNTuexn6BOAbbIq/BVuojQ8aBWe/OUizBbYmyIWI' +
  'BdfHunNgBjifmWdfBk9NZZ//BnOP2vOSBq1kiWS5ByWfOqVaB4FU+TVDB//dUCPNCK5A3eeCCNbS8QfbCPGOIRW/CSshezWSCTJyhXPtCX7/fhWK' +
  'CZ2kdaVKCcT5Mp59CcqW5VVLCg/TdAAgC0oSYj3/DKAEQMUhDfpjwnxFD2jfxjTvD5cEY3LXD8f+0Z85ENp8DJIYEOJCdDHYERAg83UOEXnVui0K' +
  'EbBGDuucEbSToZKIEgj5FrEyEk6hfLD3EpUhehWbEtELlg5jE0ZYftf6E9MelhoaFEaep35hFLcpmkgCFLngnzA9FNmWhEvqFOdkplaVFPKN3jd1' +
  'FX7DdTasFbT3+VuHFh1kPyzzFnSArBswFnlfT2LWFooGZSVxFvwlqXerFv4M3OXmFx0x+5FBFysjPKDsF+e02ww4GApnVwUbGDnPcecJGIfrJ5PN' +
  'GZZziPijGcT6oEgyGfItx0PlGuSdt/h9G5WfWCnHG7NOVCb8G7VKKi8gG9iw5WV/G99sX84KG+xiN+qrHBaDdWM6HDl/rqlDHGkvr3rMHLfwkrBe' +
  'HMOJdeSKHh4A8PYfHjqkVr7AHk2yflg/HwHonCQCHy8KWFOtIDl/RE7yIGx7w8a7IOxvM3YuIRvsRXyTIWVs+CUHIbEHeRScIboBUxmUIhV01I2Z' +
  'I2Tatuo7I25us3Y/I3jTFKmOI4eb3pLPI58HaS9rI6bhvWpCJE69ZLlaJHI1VPdUJJIhKpJTJJY/gbNnJNQ06Dn/JRLjzDl7JWe2aI2rJgLNijoW' +
  'JhRS9GnCJp8VJ/3qJruusvU0JuWqbLjcJ0n8SlZlJ20SZ829J8WuYKHTKDIG4nDvKDOhBJKQKGL5/ersKObUpOVKKT6irELXKeBrbK1cKetbslfq' +
  'KiOpzeN3Ksm6XlxoKwtwfwLjK1TYZwogK5OF0iETLEAoK9l0LI/O5UP0LM7fk/32LPAX+wpRLQj4y/IQLXOnGwdmLZE+Fx/NL5J9sZ5WMJSq/bp/' +
  'MMTW6ZPyMZ0IQ9n5MkQ3ILWUMpOozrlBMrR93GF5MvV5RMdTMv0bBAVyM1TPz2XHM9ktGs5dM/nKjNdrNGNJk0xZNG314rpTNPRgG+62NW8JZCDp' +
  'Nb8y7e4UNcl4XGbfNnM01Yv+NpKRaARNN3+XrKbJOEr56EVIONHQimAzOfeihLG2OnQ3BnRCOr0L2fRmOzxa0k4XO0zi+rHhO6h3q/LQPBqS42z+' +
  'PO6IwtT7PQFBKZeXPYqPCG0pPZXHpxSMPdsJqysPPeBRV9SbPpgJe0C/Puk5JqiqPx00rYUaPyf0VzeOQDhHMhipQEIhCXUAQFWcnTxkQOqe8tdq' +
  'QPl7m/p7QR529LDSQSUSVzprQXwzOR/rQYrJYEX2Qg3TFAVHQjzKct96QpIQKRlpQtFN4A14QwG9da8VQzu25EsRQz2X2EqPQ0jeONkhRGIE5y2Y' +
  'Rd2YxFuERe+hWeYIRlj4PnmQRtjydOKlR4tcjk5oR/DTpH72SEDNAMzYSM7FdRA5SRxHZF4YSSS8x6p+SboQKYnUSgfHsczeSgmZaHqVSkIkNuTo' +
  'SwI5HtndSxP9dz0YSxV/wNyqS16NpaTHS2hx2koQS5TYoBv9TCci+hkOTICTgrwuTLH4fLKHTaW4P17kTiE6xWjkT2JmQQanT67Xf71iUCLT+56s' +
  'UG7W7hg5UP9NWUNuUcQBQSK4Ui2HUiOrUjD5kzrQUnEDdvkFUrgITI8KUwmchRxPUzHQAPIqU34zq1gGU6mvatZ1U6q1JnklU7C1axXWU//c0mAR' +
  'VCYjZX+fVFRuZnshVKwdy+GfVTJNdK+PVUYBOSOlVaRrcnDaViTRgaoHVkESN2ZjVmv5lwZ4VoU72NHGVpOc0GL1VudKkKOJVw2tQ94aV/JcRDJN' +
  'WGWdBOCCWUsqBsYCWX4zGLWvWZnO7EU7WitOc7AGWnHQ+1GBWpRb4RRNWtqRwT9UWz8/1vqIW5Bo/LwxW7MatWF2W9Y8jCiWW+XMaPZYXlXz1uEy' +
  'Xsg1sutTXyr2yb2xXz0Kv/QIX4LmZZJ0X8T95yyuYAy6AoiSYGgcVSh2YP+yUWqOYR1J6Yi4YS1JDGTeYW36/CJ0Yb8sz5vwYlVFfUmZYmH059Cj' +
  'YuaP9ChaYv8wHRHHZABmrCZxZMhgP8ejZN+yR2vJZSrQLGHEZXdRB2LkZgcm8tFDZymuhCufZ5afUORzaIj09eiNaOXUbLYRaQJPIemtaTlTkUpZ' +
  'aY0GZg/val89WLidapO0mAJoa6PwyCeXa8F8isEdbEye9V4VbJi/ojYfbKvIXESRbPApISUZbnT8kgimbof2cPmmbsanv04cbtC4DdzlbxMeeuGu' +
  'byuIxIUDcD81EFpvcE1J+cqRcIoa4G/OcJPfI5QmcNZYt8b1cVTeg6NncaOEjJZocaypAZR8cesQlwELcj8VfMxScp7ffgiEcrTC7BB9ct/0K+wL' +
  'cuA8ulDwcva6ZusDc2sqlpINdAngRusLdE+EI6+tdIk8zHQVdLD4YJwtdLdLgA49dXe2kkuodYo8lRhedcXSBhktde/0vF1ndl5Sb/HtdteuOdMr' +
  'dvrMBEwDeI8CxRmKePG9a45EeY2r8BJueZOYqLHqebncXMc2eeuZ3HTpevGYQfNwex9YkwV/e0G9vAFKfCmmpRBXfGHJ1NZJfOg+PFbZfbhcuZN6' +
  'frfbib+zfzvOgjjyf1R6spXWf3ELjrr6f3rvC85Of9PStxFqf+ik6xSXgFKem3cHgM0EBqd4gPXA9CCagUhUiNmNgWQwtQE4gjYV5ueugtHrrb7y' +
  'gtrnXsAXg04iWwkjhFiLj6ubhGd/XWzRhIfIDKfehS52MbsYhUFPWqaphZHp81ShhhRJGL4Uhhnqacl+hz+wiUWnh2uMDWMlh8Drym3Xh+mxqQ4U' +
  'iDis6IUYiErP3fzkiId41EeUiOLoVmWPiOSwKgv6iSj2s8tLiXANUNm5iXNJr7puif5Y9ARrijCT7ouGiltQwYIfirXnk0Q1ivJR+TSBixsXqXQM' +
  'izF4n2Qpi3q/OfjYi7D+09prjAMMBs3rjMMo8vWRjQgnGzWpjX+C7/7gjeAXyN9Cjf7WvB+wjgEW6f0Tjn9Vw1ZojpPBhtGFjqKsDjxKjwa1HFMe' +
  'j2i4IaqzkFn3jopokQyCxsVrkTb6gyxukZFiUnRwktC1j3PWkwYbV9Jgky/W3Rz7k280XlaIlJaQgJUblLzgp+gXldWyPOzLlxzttlmyl3D+VAK5' +
  'l5ICBBQamBef5hUzmM50ZG8jmY627QmCmdvVN0BNmdw0pxwkmeXyiDLFmli1L7nImtwVaUa6muCwU+7nmvdR6rkOm0m2UqUMm05YKRIem9FDWxnz' +
  'nC7SbL01nJe2XDmynMfQXzYanehinbBOngnlqTy9nhOwv1rYnhn1JK+mnl0ghQZNnpUsEszensgF4HLWnwpViF4bnxkmwR//n7AGBWwzn9FFX2iB' +
  'oLUoKYwCoTGvIPuhoT5Q+AQNoYZpDnppoaMwaopLodAAz0Q4odWeqn0RofMLUXZlofvc6wl2ojOkoF8LolyIPdmRomW2EFb5on1muiuyoyLckDzA' +
  'o5pbWIApo6tjR6I3o8kMhlVUo/kxgyGkpGELJb/8pJcU4XhHpJu5d+xbpMj4wpBTpPQcTL/FpWurZEZCpZUJs9aApaKqH5VNpepneUiapiz1tQs4' +
  'pstfjdtPp8YiIizJqDyQqOZ3qIPZmdW9qMrIqkBqqTBsz3AlqgpdD123qmwcSA2KrTeQSaBWrakhovs0rcIF/pHLrgD5XFdxrofBVIigrwbEm7KY' +
  'r55PK1Z+r+xXRu94r+xnEAdjr/ALeeFvsEfeJpJcsHL9WN5VsUjQadRKskO+w6uisq9qKh7NsrEyPm4hs2v1nq2ntD+2I+LYtFEZ9s1ttPjgR5/+' +
  'tSDmdz7HtbBNZrFptqVimHljtsa4KWk7tvsCTB1ptvyQ96LjuI7JT8GJuKgJd0DwuKu0Feh+uNkgrNk4uTRL7Y7nuV1P9uOOuni/tq6ruwes1HYk' +
  'uyzO4lyYu1rpHNiivIJCK1fHvPgyZRYbvTGgw/MmvUjRpXJXvYpB0UUbvYueXgqpvcSGH85XvlNdzo9/vq/JGSzivs1ZFYATv3/lyWdvwEoyvSGB' +
  'wQ0uzeU6waFsMKblwjxoGy3ZwklrJRXxw5LMPxppw86od3x7xE++8Ob7xNm5vJ6dxRgq/lT2xT5NXLb5xVMg/wm4xaW+so5XxhMK+t6Cx5goPnl5' +
  'yEgpxuCryLSnq3H2yOItNDTeyRsvOgHNyVU26Zysyh/bGp6iyiZmO3qrylztkMyHy5v59LtMy7GCbllHzDk1SPG/zFOTCp6HzGNJrWuFzKQuzoAQ' +
  'zSAtDOPUzbLIRW8Tze8hgutAzoyHLdvfzpqyQdpxzrREgixWztxpj2rhzzDzGosW0NqXldt40a0H4fq30n9MxFsS0qnDu3JV0xp0vMaf0yCJS8Tk' +
  '0z41jbQV0+pu5J8Q1DHuY9PT1LkeCwdQ1ZAk47zx1Z+/ryfx1al13+Aw1lr7uFUl1qrg9luH1rsc+i+6140G+rlg2CvgJP+k2ILqJ13V2Kmzl/5Q' +
  '2N35GbWV2bn74F0Q2bzk6atG2f1qJAGj2f8yFUnh2orIVTQJ2owUAZim2wSFLfzq2439GSuJ2+/cCnN03LTxlu/k3NhYBFyo3NpCdPTU3OYaT699' +
  '3SICJ4vA3cl1RuLn3hBMdVH73iJNMfVa3k8+tFri3npMPMLp3uZI2tIo3z3kgmER30M2QIyD38ZCFXU44MfDh5No4TqHYEQB4gcngRPL4iyLjC42' +
  '4jXx0PSK4rewwoQD4s7bOVbD4uslAzh04v+YqzB05BeW0qiY5VZEywjj5Zg89EVr5aZe2o/95cYyakAE5crxqNdH5fmpWAR75hzIDwUf5iX1Fvsm' +
  '5ivbtb4S5tQ3b4ys5xt46Wvt54nV2kMW55vNP1P758go1LzV6EyGaY/j6HkcbMq16Nnyqh+N6N8alzUg6PUKsHfO6U7p+vCn6Vwzprly6XwMlDEl' +
  '6etZdGhH6md7T4sQ6nD5YzwJ62GbsWBM679/Leti7FU0UFnX7Nfa7fiT7eB7pyv87tPwrF4/7uMZXyfl70RRAtM671TGsLkP8Ca/HAJw8D2y5gH9' +
  '8FyspmlC8M5Sw6no8OVAjf4Y8SclH1J/8dT5K2Nw8pqcscHV8ud2Cz/Q8wUvZXFr84uZ7N/687U4OBZh89C4bho29Ap2CjD29BmMbNkw9F5B9ifI' +
  '9Hyf9QMZ9KIGislz9Vi+vRux9dmwAqi+9gzhj7dJ9k5WvQFu9sXGi0wA93kQymCN969XSegP98DYsvGV9/icaRu+9/6a9pyt+McIJNRH+NfXOX0d' +
  '+QrVyYPK+SgwuZDK+W+ntcZC+YD5tcwy+/ZpPd0K+/lnVGL7/B/b43OH/Pru1k/B/QwZZH5p/mCh4tdx/sqWk6Kv/0GVQCiv/2XthkWg/4G6F3Xz' +
  '//Z6Wo/D';

// Six bytes are eight characters exactly, so the text can be cut without decoding it.
const published: ReadonlySet<string> = new Set(digests.match(/.{8}/g));
