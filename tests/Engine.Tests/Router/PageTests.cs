using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using static Microsoft.Playwright.Assertions;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>The live page in a real browser.</summary>
public sealed class PageTests(PageTests.Fixture fixture) : IClassFixture<PageTests.Fixture>
{
    private static readonly ByteTokenizer Tokenizer = new();

    public sealed class Fixture : IAsyncLifetime
    {
        private Browser? _browser;

        internal async Task<Browser> BrowserAsync() => _browser ??= await Browser.StartAsync();

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            if (_browser is not null) await _browser.DisposeAsync();
        }
    }

    [SkippableFact]
    public async Task A_prompt_streams_and_its_engines_and_time_line_are_shown()
    {
        await using var cluster = await ClusterAsync();
        var (page, problems) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        await Expect(page.Locator("#engines .engine")).ToHaveCountAsync(4);
        await Expect(page.Locator("#engines .engine").First).ToContainTextAsync("512 blocks: 440 free, 40 cached, 8 reserved, 12 in flight, 10 in use, 2 quarantined");
        await Expect(page.Locator("#engines .engine").First).ToContainTextAsync("2 blocks wait for prefill-9");
        await Expect(page.Locator("#router")).ToContainTextAsync("Ready. Model scripted");
        const string Prompt = "<img src=x onerror=alert(1)> & é";
        await page.FillAsync("#prompt", Prompt);
        await page.FillAsync("#tokens", "60");
        await page.ClickAsync("#start");
        await Expect(page.Locator("#text")).ToHaveTextAsync(Tokenizer.Decode(ScriptedEngine.AnswerTo(Tokenizer.Encode(Prompt), 60)));
        await Expect(page.Locator("#figures")).ToContainTextAsync("60 tokens");
        var request = page.Locator("#requests .request").First;
        await Expect(request.Locator(".state")).ToHaveTextAsync("done");
        await Expect(request).ToContainTextAsync(Prompt); // as text: nothing of it is an element
        await Expect(request).ToContainTextAsync("131 KB moved, 4 layers");
        foreach (var kind in (string[])["queued", "prefill", "transfer", "decode"]) await Expect(request.Locator($"rect.{kind}")).ToHaveCountAsync(1);
        await Expect(request.Locator("line.layer")).ToHaveCountAsync(4);
        await Expect(page.Locator("#links li")).Not.ToHaveCountAsync(0);
        await Expect(page.Locator("#log")).ToContainTextAsync("decode-0 is alive");
        Assert.Empty(problems);
    }

    [SkippableFact]
    public async Task Stop_ends_the_answer_and_the_engines_work()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        engine.TokenTime = TimeSpan.FromMilliseconds(100);
        var (page, problems) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        await page.FillAsync("#tokens", "300");
        await Expect(page.Locator("#stop")).ToBeDisabledAsync();
        await page.ClickAsync("#start");
        await Expect(page.Locator("#text")).Not.ToHaveTextAsync("");
        await page.ClickAsync("#stop");
        await Expect(page.Locator("#figures")).ToContainTextAsync("Stopped");
        await Wait.UntilAsync(() => engine is { Aborted: 1, Running: 0 }, "the engine has stopped");
        await Expect(page.Locator("#requests .state")).ToHaveTextAsync("aborted");
        await Expect(page.Locator("#stop")).ToBeDisabledAsync();
        Assert.Empty(problems);
    }

    [SkippableFact]
    public async Task Many_requests_at_once_stay_where_they_are()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        engine.TokenTime = TimeSpan.FromMilliseconds(100);
        var (page, problems) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        await page.FillAsync("#tokens", "40");
        await page.SelectOptionAsync("#copies", "16");
        await page.ClickAsync("#start");
        await Expect(page.Locator("#requests .request:visible")).ToHaveCountAsync(10);
        await page.EvaluateAsync("document.querySelectorAll('#requests .request').forEach(row => row.classList.add('seen'))");
        await Expect(page.Locator("#figures")).ToContainTextAsync("Complete", new() { Timeout = 60_000 });
        await Expect(page.Locator("#requests .request.seen:visible")).ToHaveCountAsync(10);
        Assert.Empty(problems);
    }

    [SkippableFact]
    public async Task A_failover_is_shown_and_the_answer_is_whole()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        foreach (var engine in engines) engine.FailAfter = 25;
        var (page, problems) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        await page.FillAsync("#prompt", "a");
        await page.FillAsync("#tokens", "40");
        await page.ClickAsync("#start");
        await Expect(page.Locator("#text")).ToHaveTextAsync(Tokenizer.Decode(ScriptedEngine.AnswerTo(Tokenizer.Encode("a"), 40)));
        await Expect(page.Locator("#requests .state")).ToHaveTextAsync("done, 1 fail-over");
        await Expect(page.Locator("#requests rect.failure")).ToHaveCountAsync(1);
        await Expect(page.Locator("#log .about-failover")).ToContainTextAsync("scripted failure");
        await Expect(page.Locator("#router")).ToContainTextAsync("fail-overs: 1");
        Assert.Empty(problems);
    }

    [SkippableFact]
    public async Task An_error_is_said_and_the_page_comes_back_when_the_router_does()
    {
        var cluster = await Cluster.StartAsync();
        var (page, _) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        await page.ClickAsync("#start");
        await Expect(page.Locator("#error")).ToContainTextAsync("No decode engine has joined");
        await Expect(page.Locator("#router")).ToContainTextAsync("Not ready");
        var listen = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, cluster.Router.Url.Port);
        await cluster.DisposeAsync();
        await Expect(page.Locator("#router")).ToContainTextAsync("does not answer");
        await using var again = await Cluster.StartAsync(Cluster.Options with { Listen = listen });
        await again.AddAsync(("decode-7", EngineRole.Decode));
        await Expect(page.Locator("#engines .engine")).ToContainTextAsync("decode-7");
    }

    [SkippableTheory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1280, ColorScheme.Dark)]
    public async Task It_can_be_read_on_a_phone_and_has_no_faults_that_axe_finds(int width, ColorScheme scheme)
    {
        await using var cluster = await ClusterAsync();
        var (page, problems) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url, width, 740, scheme);
        await page.FillAsync("#prompt", new string('m', 300)); // one word
        await page.ClickAsync("#start");
        await Expect(page.Locator("#requests .state")).ToHaveTextAsync("done");
        await Expect(page.Locator("#engines .engine")).ToHaveCountAsync(4);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "it scrolls sideways");
        var faults = await page.RunAxe();
        Assert.True(faults.Violations.Length == 0, string.Join("\n", faults.Violations.Select(fault => $"{fault.Id}: {fault.Help}: {string.Join(", ", fault.Nodes.Select(node => node.Html))}")));
        Assert.Empty(problems);
    }

    [SkippableFact]
    public async Task Everything_is_reached_by_keyboard_and_seen_when_it_is()
    {
        await using var cluster = await Cluster.StartAsync();
        await cluster.AddAsync(("decode-0", EngineRole.Decode));
        var (page, _) = await (await fixture.BrowserAsync()).OpenAsync(cluster.Router.Url);
        List<string> reached = [];
        for (var i = 0; i < 20; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            var focus = await page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.className || document.activeElement.tagName");
            if (focus == "BODY") break;
            reached.Add(focus);
            Assert.NotEqual("0px", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineWidth"));
        }
        Assert.Equal(["skip", "prompt", "tokens", "copies", "start", "answer", "log-box"], reached); // Stop has nothing to stop
        await page.FocusAsync("#prompt");
        await page.Keyboard.PressAsync("Control+Enter");
        await Expect(page.Locator("#figures")).ToContainTextAsync("Complete");
    }

    private static async Task<Cluster> ClusterAsync()
    {
        var cluster = await Cluster.StartAsync();
        await cluster.AddAsync(("prefill-0", EngineRole.Prefill), ("prefill-1", EngineRole.Prefill), ("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        return cluster;
    }
}
