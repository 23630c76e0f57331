"""Every name of a span or attribute, in one place.

HTTP and GenAI names are OpenTelemetry's semantic conventions (1.43); what has none there begins with
`copilot.`. The GenAI ones are still being made: when they change, they change here.
"""

HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_SCHEME = "url.scheme"
ERROR_TYPE = "error.type"
