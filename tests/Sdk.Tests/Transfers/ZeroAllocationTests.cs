using System.Globalization;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>
/// Zero allocation as the design defines it. Measured in a process of its own (tests/PeerProcess), because the test host allocates by itself.
/// </summary>
public class ZeroAllocationTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    public static TheoryData<Backend, int, int, bool> Cases()
    {
        var data = new TheoryData<Backend, int, int, bool>();
        foreach (var backend in (Backend[])[Backend.Loopback, Backend.Local, Backend.Fabric])
        {
            data.Add(backend, 1, 10_000, false);
            data.Add(backend, 1, 10_000, true);
            data.Add(backend, 40_960, 20, false);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Posting_and_awaiting_allocates_nothing(Backend backend, int blocks, int posts, bool reusedToken)
    {
        await using var child = ChildProcess.Start(
            "allocations", backend.Transports().ToString(), Text(blocks), Text(posts), reusedToken ? "token" : "plain");
        await CheckAsync(child, suspends: backend != Backend.Local || blocks > 1024);
    }

    [Theory]
    [MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public async Task Sending_and_awaiting_notifications_allocates_nothing(Backend backend)
    {
        await using var child = ChildProcess.Start("notifications", backend.Transports().ToString(), "5000");
        await CheckAsync(child, suspends: backend != Backend.Local);
    }

    /// <summary>A small local post has ended when the call returns; the others must really suspend, or the test shows nothing.</summary>
    private static async Task CheckAsync(ChildProcess child, bool suspends)
    {
        var words = (await child.ReadLineAsync(Deadline)).Split(' ');
        Assert.Equal("0", words[0]);
        var suspended = int.Parse(words[1], CultureInfo.InvariantCulture);
        Assert.True(suspends == suspended > 0, $"{suspended} awaits have really suspended");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
