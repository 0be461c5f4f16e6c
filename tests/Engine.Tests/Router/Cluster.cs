using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>A router and scripted engines, each with its HTTP server, in this process; what is between them is real.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly List<Member> _members = [];

    private Cluster(RouterServer router)
    {
        Router = router;
        Http = new HttpClient { BaseAddress = router.Url, Timeout = Wait.Long };
    }

    internal static ServedModel Model { get; } = new("scripted", new ByteTokenizer(), [ByteTokenizer.Eos], 512);

    internal RouterServer Router { get; private set; }

    internal HttpClient Http { get; }

    internal static RouterOptions Options { get; } = new()
    {
        Listen = new IPEndPoint(IPAddress.Loopback, 0), Model = Model, Poll = TimeSpan.FromMilliseconds(50), DeadAfter = TimeSpan.FromSeconds(20),
    };

    internal static async Task<Cluster> StartAsync(RouterOptions? options = null) => new(await RouterServer.StartAsync(options ?? Options));

    /// <summary>Ends the router, and starts another one at its address.</summary>
    internal async Task RestartRouterAsync(Func<Task> meanwhile)
    {
        var url = Router.Url;
        await Router.DisposeAsync();
        await meanwhile();
        Router = await RouterServer.StartAsync(Options with { Listen = IPEndPoint.Parse(url.Authority) });
    }

    /// <summary>Starts engines and waits until all of them are alive and know each other.</summary>
    internal async Task<ScriptedEngine[]> AddAsync(params (string Name, EngineRole Role)[] engines)
    {
        List<ScriptedEngine> added = [];
        foreach (var (name, role) in engines) added.Add((await AddAsync(new ScriptedEngine(name, role))).Engine);
        await AliveAsync();
        return [.. added];
    }

    /// <param name="engine">The engine.</param>
    /// <param name="url">Where others reach it, if that is not its server.</param>
    internal async Task<Member> AddAsync(ScriptedEngine engine, Func<Uri, Uri>? url = null)
    {
        var member = await Member.StartAsync(engine, Router.Url, url);
        _members.Add(member);
        return member;
    }

    internal Task AliveAsync() => Wait.UntilAsync(
        () => _members.Where(member => member.Joined).All(member => Find(member) is { TakesRequests: true } worker
            && worker.Status!.Peers.Length == _members.Count(other => other.Joined && other.Engine.Announcement.Role != member.Engine.Announcement.Role)),
        "all engines are alive and know each other");

    internal Worker? Find(Member member) =>
        Router.Context.Workers.Workers.FirstOrDefault(worker => worker.Announcement.Incarnation == member.Engine.Incarnation);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        foreach (var member in _members) await member.DisposeAsync();
        await Router.DisposeAsync();
    }

    /// <summary>An engine with its server and its link to the router.</summary>
    internal sealed class Member : IAsyncDisposable
    {
        private readonly Func<RouterLink> _join;
        private RouterLink? _link;
        private EngineServer? _server;

        private Member(ScriptedEngine engine, EngineServer server, Func<RouterLink> join) => (Engine, _server, _join, _link) = (engine, server, join, join());

        internal ScriptedEngine Engine { get; }

        /// <summary>Where its server listens; null once that has ended.</summary>
        internal Uri? Url => _server is { } server ? new Uri(server.Announcement.Url) : null;

        internal bool Joined => _link is not null;

        internal static async Task<Member> StartAsync(ScriptedEngine engine, Uri router, Func<Uri, Uri>? url)
        {
            var server = await EngineServer.StartAsync(engine, new IPEndPoint(IPAddress.Loopback, 0));
            var announcement = server.Announcement;
            if (url is not null) announcement = announcement with { Url = url(new Uri(announcement.Url)).GetLeftPart(UriPartial.Authority) };
            return new Member(engine, server, () => new RouterLink(router, announcement, NullLogger.Instance));
        }

        /// <summary>It takes leave of the router, and stays where it is.</summary>
        internal async Task LeaveAsync()
        {
            if (_link is { } link) await link.DisposeAsync();
            _link = null;
        }

        /// <summary>It falls silent, without a farewell.</summary>
        internal Task StopAnnouncingAsync() => _link!.StopAsync();

        internal void AnnounceAgain() => _link = _join();

        /// <summary>Its server ends; whoever asks it is refused by the machine.</summary>
        internal async Task KillAsync()
        {
            (_link, var server) = (null, _server!);
            _server = null;
            await server.DisposeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await LeaveAsync();
            if (_server is { } server) await server.DisposeAsync();
            _server = null;
        }
    }
}

/// <summary>Every wait of a test has a deadline, generous because the machine may be busy.</summary>
internal static class Wait
{
    internal static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    internal static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), what);

    /// <summary>For what has to be asked for: the router knows of its engines what they said when it asked last.</summary>
    internal static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var end = DateTime.UtcNow + Long;
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, $"Not within {Long}: {what}");
            await Task.Delay(10);
        }
    }
}
