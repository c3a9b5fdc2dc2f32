-- Asks GET /v1/decisions about the request at hand and keeps what it answers in variables, for haproxy.cfg to act on.
-- Needs HAProxy 2.5 or later with Lua, as Debian builds it.
local decisions = "http://127.0.0.1:8080/v1/decisions"
local answers = {
  portcullis_identity = "x-portcullis-identity",
  portcullis_principal = "x-portcullis-principal",
  portcullis_organization = "x-portcullis-organization",
  portcullis_credential = "x-portcullis-credential",
  portcullis_decision = "x-portcullis-decision-id",
  portcullis_challenge = "www-authenticate",
}
-- Between the client and us, or about a body that does not travel.
local left_out = {
  ["connection"] = true, ["keep-alive"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true,
  ["upgrade"] = true, ["content-length"] = true, ["expect"] = true, ["proxy-connection"] = true,
}

core.register_action("portcullis", { "http-req" }, function(txn)
  txn:set_var("txn.portcullis_status", 0)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not left_out[name] then
      headers[name] = {}
      for _, value in pairs(values) do table.insert(headers[name], value) end
    end
  end
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-uri"] = { txn.sf:pathq() }

  local answer = core.httpclient():get({ url = decisions, headers = headers, timeout = 5000 })
  if not answer or not answer.status then return end
  for variable, name in pairs(answers) do
    local values = answer.headers and answer.headers[name]
    if values and values[0] then txn:set_var("txn." .. variable, values[0]) end
  end
  txn:set_var("txn.portcullis_status", answer.status)
end)
