using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>A router that dies takes what it knows with it: engines come back by themselves, and who has started them remembers their ends.</summary>
public sealed class RouterRestartTests
{
    [Fact]
    public async Task Engines_come_back_to_a_router_that_was_started_anew_and_hear_of_an_exit_that_no_router_saw()
    {
        await using var cluster = await Cluster.StartAsync();
        var gone = await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill));
        var decode = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await cluster.AliveAsync();
        await using var exits = new EngineExits(cluster.Router.Url);
        await exits.StartedAsync(gone.Engine.ProcessId, gone.Url!, CancellationToken.None);
        await cluster.RestartRouterAsync(async () =>
        {
            await gone.StopAnnouncingAsync();
            await gone.KillAsync();
            await exits.ExitedAsync("prefill-0", gone.Engine.ProcessId, CancellationToken.None); // nobody is there to hear it
        });
        await Wait.UntilAsync(() => cluster.Find(decode) is { TakesRequests: true }, "the engine that lives is known again");
        await Wait.UntilAsync(() => decode.Engine.Exited.Contains(gone.Engine.Incarnation), "it has heard of the exit");
        var (pieces, done) = await cluster.Http.StreamAsync(new { prompt = "In the beginning", max_tokens = 8, stream = true });
        Assert.True(done, pieces[^1].ToJsonString());
    }

    [Fact]
    public async Task A_router_that_was_started_anew_tells_everybody_again()
    {
        await using var cluster = await Cluster.StartAsync();
        var gone = await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill));
        await cluster.AliveAsync();
        await using var exits = new EngineExits(cluster.Router.Url);
        await exits.StartedAsync(gone.Engine.ProcessId, gone.Url!, CancellationToken.None);
        await gone.StopAnnouncingAsync();
        await gone.KillAsync();
        await exits.ExitedAsync("prefill-0", gone.Engine.ProcessId, CancellationToken.None);
        // One that nobody could tell: it joins when the first router is gone.
        ScriptedEngine late = new("decode-0", EngineRole.Decode);
        await cluster.RestartRouterAsync(() => Task.CompletedTask);
        exits.RouterIsNew();
        await cluster.AddAsync(late);
        await Wait.UntilAsync(() => late.Exited.Contains(gone.Engine.Incarnation), "it has heard of the exit");
    }

    [Fact]
    public async Task An_end_is_told_until_a_router_has_taken_it_also_of_an_engine_that_never_said_who_it_is()
    {
        var asked = 0;
        await using var router = WebApplication.CreateSlimBuilder().Build();
        router.Urls.Add("http://127.0.0.1:0");
        router.MapPost("/workers/prefill-0/exited", (int process) => Results.StatusCode(process == 4711 && Interlocked.Increment(ref asked) == 3 ? 204 : 500));
        await router.StartAsync();
        await using var exits = new EngineExits(new Uri(router.Urls.First()));
        await exits.ExitedAsync("prefill-0", 4711, CancellationToken.None);
        await Wait.UntilAsync(() => Volatile.Read(ref asked) == 3, "the end is told again after a failure");
    }

    [Fact]
    public async Task An_engine_that_answers_has_not_exited_whoever_says_so_and_nonsense_is_refused()
    {
        await using var cluster = await Cluster.StartAsync();
        var living = await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill));
        var decode = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await cluster.AliveAsync();
        var engine = living.Engine.Announcement with { Url = living.Url!.GetLeftPart(UriPartial.Authority) };
        Assert.Equal(HttpStatusCode.NotFound, await SayAsync("prefill-0", engine));
        await living.LeaveAsync(); // the router does not know it any more, and it lives
        await Wait.UntilAsync(() => cluster.Find(living) is null, "it has left");
        Assert.Equal(HttpStatusCode.NotFound, await SayAsync("prefill-0", engine));
        Assert.Equal(HttpStatusCode.BadRequest, await SayAsync("prefill-1", engine));
        Assert.Equal(HttpStatusCode.BadRequest, await SayAsync("prefill-0", engine with { Ranks = [] }));
        Assert.Empty(decode.Engine.Exited);
        await living.KillAsync();
        Assert.Equal(HttpStatusCode.NoContent, await SayAsync("prefill-0", engine));
        Assert.Equal(engine.Incarnation, Assert.Single(decode.Engine.Exited));

        async Task<HttpStatusCode> SayAsync(string name, EngineAnnouncement exited)
        {
            using var answer = await cluster.Http.PostAsync($"/workers/{name}/exited", JsonContent.Create(exited, ContractJson.Default.EngineAnnouncement));
            return answer.StatusCode;
        }
    }
}
