"""The OpenAPI document, and the page of it, which asks for nothing outside of this server."""

from typing import Any

from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema

from proactive.api import problems
from proactive.api.schemas import ProblemDetails

# What any request with a token may be answered.
ALWAYS = (401, 403, 429, 503)


def refusals(*statuses: int) -> dict[int, Any]:
    return dict.fromkeys(sorted({*ALWAYS, *statuses}), ProblemDetails)


def shown(examples: dict[str, Any]) -> dict[str, Any]:
    """Of the body of a request, for `openapi_extra`."""
    return {"requestBody": {"content": {"application/json": {"examples": examples}}}}


class Page(Swagger):
    template = "proactive/api_docs.html"

    def __init__(self) -> None:
        super().__init__(
            {
                # It reads; it does not try out: what is told here is true, and is acted on.
                "supportedSubmitMethods": [],
                "validatorUrl": None,
                "defaultModelsExpandDepth": 0,
                "docExpansion": "list",
            }
        )


class DocumentedAPI(NinjaAPI):
    def __init__(self, **options: Any) -> None:
        super().__init__(docs=Page(), **options)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """As django-ninja makes it, with the media type that problems have."""
        document = super().get_openapi_schema(**options)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        (content,) = answer["content"].values()
                        answer["content"] = {problems.CONTENT_TYPE: content}
        return document
