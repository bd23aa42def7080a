import com.futu.openapi.*;
import com.futu.openapi.pb.*;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;

// The vendor's Java example. Only the port differs: its cast to short makes ports over 32767 negative.
public class QotDemo implements FTSPI_Qot, FTSPI_Conn {
    FTAPI_Conn_Qot qot = new FTAPI_Conn_Qot();

    public QotDemo() {
        qot.setClientInfo("javaclient", 1);
        qot.setConnSpi(this);
        qot.setQotSpi(this);
    }

    public void start() {
        qot.initConnect("127.0.0.1", Integer.getInteger("port", 11111), false);
    }

    @Override
    public void onInitConnect(FTAPI_Conn client, long errCode, String desc)
    {
        System.out.printf("Qot onInitConnect: ret=%b desc=%s connID=%d\n", errCode, desc, client.getConnectID());
        if (errCode != 0)
            return;
        QotCommon.Security sec = QotCommon.Security.newBuilder()
            .setMarket(QotCommon.QotMarket.QotMarket_HK_Security_VALUE)
            .setCode("00700")
            .build();
        QotGetShortInterest.C2S c2s = QotGetShortInterest.C2S.newBuilder()
            .setSecurity(sec)
            .build();
        QotGetShortInterest.Request req = QotGetShortInterest.Request.newBuilder().setC2S(c2s).build();
        int seqNo = qot.getShortInterest(req);
        System.out.printf("Send QotGetShortInterest: %d\n", seqNo);
    }

    @Override
    public void onDisconnect(FTAPI_Conn client, long errCode) {
        System.out.printf("Qot onDisConnect: %d\n", errCode);
    }

    @Override
    public void onReply_GetShortInterest(FTAPI_Conn client, int nSerialNo, QotGetShortInterest.Response rsp) {
        if (rsp.getRetType() != 0) {
            System.out.printf("QotGetShortInterest failed: %s\n", rsp.getRetMsg());
        }
        else {
            try {
                String json = JsonFormat.printer().print(rsp);
                System.out.printf("Receive QotGetShortInterest: %s\n", json);
            } catch (InvalidProtocolBufferException e) {
                e.printStackTrace();
            }
        }
    }

    public static void main(String[] args) {
        FTAPI.init();
        QotDemo qot = new QotDemo();
        qot.start();
        while (true) {
            try {
                Thread.sleep(1000 * 600);
            } catch (InterruptedException exc) {
            }
        }
    }
}
