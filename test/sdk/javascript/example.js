// The vendor's JavaScript example. The address, the missing method and the call at the end are added.
import ftWebsocket from "futu-api";
import { Common, Qot_Common } from "futu-api/proto";
import beautify from "js-beautify";
ftWebsocket.prototype.GetShortInterest ??= function (req) { return this._sendCmd(3249, req, "Qot_GetShortInterest"); };
function QotGetShortInterest(){
    const { RetType } = Common
    const { QotMarket } = Qot_Common
    let [addr, port, enable_ssl, key] = [process.env.OPEND_HOST, process.env.OPEND_PORT, false, '7522027ccf5a06b1'];
    let websocket = new ftWebsocket();
    websocket.onlogin = (ret, msg)=>{
        if (ret) {
            const req = {
                c2s: {
                    security: {
                        market: QotMarket.QotMarket_HK_Security,
                        code: "00700",
                    },
                },
            };
            websocket.GetShortInterest(req)
            .then((res) => {
                let { errCode, retMsg, retType,s2c } = res
                console.log("GetShortInterest: errCode %d, retMsg %s, retType %d", errCode, retMsg, retType);
                if(retType == RetType.RetType_Succeed){
                    let data = beautify(JSON.stringify(s2c), {
                        indent_size: 2,
                        space_in_empty_paren: true,
                    });
                    console.log(data);
                }
            })
            .catch((error) => {
                console.log("error:", error);
            });
        } else {
            console.log("error", msg);
        }
    };
    websocket.start(addr, port, enable_ssl, key);
    setTimeout(()=>{
        websocket.stop();
        console.log("stop");
    }, 5000);
}
QotGetShortInterest();
