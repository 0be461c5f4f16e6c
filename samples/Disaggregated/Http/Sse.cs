using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Server-sent events.</summary>
internal static class Sse
{
    private static readonly byte[] Start = "data: "u8.ToArray(), End = "\n\n"u8.ToArray();

    internal static void Begin(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no";
    }

    /// <summary>One event, sent at once.</summary>
    /// <param name="context">The answer.</param>
    /// <param name="data">UTF-8 without line ends: JSON has none.</param>
    /// <param name="cancellation">Gives up.</param>
    internal static async Task WriteAsync(HttpContext context, byte[] data, CancellationToken cancellation)
    {
        var body = context.Response.Body;
        await body.WriteAsync(Start, cancellation);
        await body.WriteAsync(data, cancellation);
        await body.WriteAsync(End, cancellation);
        await body.FlushAsync(cancellation);
    }
}
