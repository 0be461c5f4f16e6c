using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>A client of the router's completions.</summary>
internal static class Client
{
    /// <summary>A body of no bytes, for routes that want nothing but its type.</summary>
    internal static StringContent Nothing => new("", null, "application/json");

    internal static async Task<(HttpStatusCode Status, JsonNode Body)> CompleteAsync(this HttpClient http, object body)
    {
        using var answer = await http.PostAsJsonAsync("/v1/completions", body);
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    /// <summary>The data of all events, without [DONE]; whether that came; and the text that they make.</summary>
    internal static async Task<(List<JsonNode> Pieces, bool Done)> StreamAsync(this HttpClient http, object body, Action<JsonNode>? onPiece = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(body) };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.ToString());
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(), Encoding.UTF8);
        List<JsonNode> pieces = [];
        var done = false;
        while (await reader.ReadLineAsync().WaitAsync(Wait.Long) is { } line)
        {
            if (line.Length == 0) continue;
            Assert.False(done, $"'{line}' after [DONE]");
            Assert.StartsWith("data: ", line, StringComparison.Ordinal);
            Assert.Equal("", await reader.ReadLineAsync().WaitAsync(Wait.Long)); // an event ends with an empty line
            if (line == "data: [DONE]")
            {
                done = true;
                continue;
            }
            var piece = JsonNode.Parse(line["data: ".Length..])!;
            pieces.Add(piece);
            onPiece?.Invoke(piece);
        }
        return (pieces, done);
    }

    internal static string TextOf(this IEnumerable<JsonNode> pieces, int index = 0) => string.Concat(pieces.SelectMany(piece => piece["choices"]!.AsArray())
        .Where(choice => (int)choice!["index"]! == index).Select(choice => (string)choice!["text"]!));

    internal static int[] TokensOf(this IEnumerable<JsonNode> pieces, int index = 0) => [.. pieces.SelectMany(piece => piece["choices"]!.AsArray())
        .Where(choice => (int)choice!["index"]! == index).SelectMany(choice => choice!["token_ids"]!.AsArray()).Select(token => (int)token!)];
}
