using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Processes;

/// <summary>A peer that is stopped is silent, which is not dead: new work is refused until it is heard again.</summary>
public class SilenceTests
{
    [Theory]
    [InlineData(Backend.Local)]
    [InlineData(Backend.Fabric)]
    public async Task A_stopped_peer_is_suspect_and_comes_back(Backend backend)
    {
        await using var child = ChildProcess.Start("serve", Pair.UniqueName("child"), backend.Transports().ToString(), "16", "4096", "arena");
        var words = (await child.ExpectAsync("metadata")).Split(' ');
        var options = Pair.Options(backend, Pair.UniqueName("parent"));
        options.SuspectAfter = TimeSpan.FromSeconds(1);
        await using var agent = await NixlAgent.CreateAsync(options).SoonAsync();
        var peer = await agent.ConnectAsync(Convert.FromBase64String(words[0])).SoonAsync();
        await agent.NotifyAsync(peer, "hello"u8).SoonAsync();

        using (child.Stop())
        {
            await Deadlines.UntilAsync(() => peer.State == PeerState.Suspect, "silence makes it suspect");
            var error = Assert.Throws<PeerSuspectException>(() => _ = agent.NotifyAsync(peer, []));
            Assert.Equal(peer.Name, error.Peer);
        }

        await Deadlines.UntilAsync(() => peer.State == PeerState.Connected, "it is heard again");
        await agent.NotifyAsync(peer, "again"u8).SoonAsync();
    }
}
