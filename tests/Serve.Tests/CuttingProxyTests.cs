using static Nixl.Sdk.Serve.Tests.ScriptedServer;

namespace Nixl.Sdk.Serve.Tests;

public sealed class CuttingProxyTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_is_not_cut_comes_through_whole()
    {
        var text = new string('x', 300_000);
        await using var server = new ScriptedServer(stream => SendAsync(stream, Json(200, text)));
        await using var proxy = new CuttingProxy();
        proxy.LeadTo(server.Url);
        using var http = new HttpClient();
        Assert.Equal(text, await http.GetStringAsync(proxy.Url));
    }

    [Fact]
    public async Task A_cut_breaks_an_answer_in_the_middle_and_the_next_connection_works()
    {
        var asked = 0;
        await using var server = new ScriptedServer(async stream =>
        {
            await SendAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
            if (Interlocked.Increment(ref asked) == 1) await Task.Delay(Soon);
            else await SendAsync(stream, "cd");
        });
        await using var proxy = new CuttingProxy();
        proxy.LeadTo(server.Url);
        using var http = new HttpClient();
        using var response = await http.GetAsync(proxy.Url, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(0, proxy.Cut(() => false));
        Assert.Equal(1, proxy.Cut(() => true));
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync().WaitAsync(Soon));
        Assert.Equal("abcd", await http.GetStringAsync(proxy.Url).WaitAsync(Soon));
        Assert.Equal(1, proxy.Cuts);
    }

    [Fact]
    public async Task It_follows_a_server_that_listens_elsewhere_now()
    {
        await using var first = new ScriptedServer(stream => SendAsync(stream, Json(200, "1")));
        await using var second = new ScriptedServer(stream => SendAsync(stream, Json(200, "2")));
        await using var proxy = new CuttingProxy();
        using var http = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetStringAsync(proxy.Url).WaitAsync(Soon));
        proxy.LeadTo(first.Url);
        Assert.Equal("1", await http.GetStringAsync(proxy.Url).WaitAsync(Soon));
        proxy.LeadTo(second.Url);
        Assert.Equal("2", await http.GetStringAsync(proxy.Url).WaitAsync(Soon));
    }
}
