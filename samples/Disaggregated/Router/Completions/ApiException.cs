using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A request fails; the client is told in OpenAI's form.</summary>
/// <param name="status">The HTTP status, if nothing has been sent yet.</param>
/// <param name="type">OpenAI's kind of error.</param>
/// <param name="message">In words.</param>
/// <param name="param">The field that is wrong.</param>
/// <param name="code">For programs.</param>
internal sealed class ApiException(int status, string type, string message, string? param = null, string? code = null) : Exception(message)
{
    internal int Status => status;

    internal ApiError Body => new(new ApiErrorBody(Message, type, param, code));

    /// <summary>For counters: why.</summary>
    internal string Reason => code ?? type;

    internal static ApiException Invalid(string param, string message, string code = "invalid_value") =>
        new(StatusCodes.Status400BadRequest, "invalid_request_error", message, param, code);

    internal static ApiException Full(string message) => new(StatusCodes.Status429TooManyRequests, "rate_limit_error", message, code: "full");

    internal static ApiException NoEngine(string message) => new(StatusCodes.Status503ServiceUnavailable, "server_error", message, code: "no_engine");

    internal static ApiException TimedOut(TimeSpan after) =>
        new(StatusCodes.Status504GatewayTimeout, "server_error", $"The answer was not complete within {after.TotalSeconds:0.###} s.", code: "timeout");

    internal static ApiException Failed(string message) => new(StatusCodes.Status502BadGateway, "server_error", message, code: "engine_failed");
}
