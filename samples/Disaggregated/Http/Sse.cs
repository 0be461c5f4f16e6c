using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Server-sent events.</summary>
internal static class Sse
{
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
        // Into the buffer first: each write to the body itself would be a packet of its own.
        var body = context.Response.BodyWriter;
        body.Write("data: "u8);
        body.Write(data);
        body.Write("\n\n"u8);
        await body.FlushAsync(cancellation);
    }
}
