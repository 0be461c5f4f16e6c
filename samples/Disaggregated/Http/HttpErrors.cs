using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What is said between router and engines when something is refused: <c>{"error": "…"}</c>.</summary>
internal sealed record HttpError([property: JsonRequired] string Error);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HttpError))]
internal sealed partial class HttpErrorJson : JsonSerializerContext;

/// <summary>Bodies in, refusals out.</summary>
internal static class HttpErrors
{
    internal static Task RefuseAsync(this HttpContext context, int status, string error)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new HttpError(error), HttpErrorJson.Default.HttpError, cancellationToken: context.RequestAborted);
    }

    /// <summary>
    /// Whether the body's type is JSON; if not, it is refused with 415. Whatever changes something asks this, also where nothing of the body is read: a
    /// page of another origin can send this type (like PUT and DELETE) only after it has asked, and nobody is ever told yes.
    /// </summary>
    internal static async Task<bool> IsJsonAsync(this HttpContext context)
    {
        if (context.Request.HasJsonContentType()) return true;
        await context.RefuseAsync(StatusCodes.Status415UnsupportedMediaType, "The request needs 'Content-Type: application/json', also without a body.");
        return false;
    }

    /// <summary>The body, or null after it has been refused with 400, 413 or 415.</summary>
    internal static async Task<T?> ReadBodyAsync<T>(this HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        if (!await context.IsJsonAsync()) return null;
        try
        {
            var body = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
            if (body is not null) return body;
            await context.RefuseAsync(StatusCodes.Status400BadRequest, "The body is null.");
        }
        catch (JsonException e)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, $"The body is not what it should be: {e.Message}");
        }
        catch (BadHttpRequestException e)
        {
            await context.RefuseAsync(e.StatusCode, e.Message);
        }
        return null;
    }
}
